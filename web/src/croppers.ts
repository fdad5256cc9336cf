// A card's picture before the server has one, and its way into the editor and back.

import { GreenroomCrop } from "./editor";
import type { GreenroomUpload } from "./element";
import { type Crop, resultSize } from "./geometry";
import type { Item } from "./item";
import { decode, drawPart, load, type Upright, within } from "./pictures";

const THUMBNAIL_PIXELS = 640;
const EDITOR_PIXELS = 2048;

/** Decode a picture of the person's own for its card; and, where it waits for that, decide what happens next. */
export async function takeThumbnail(host: GreenroomUpload, item: Item): Promise<void> {
  const { field } = host;
  const file = item.file;
  const whole = file && file.type.startsWith("image/") ? await decode(file) : null;
  if (whole && !item.facts.preview) {
    item.width ||= whole.width;
    item.height ||= whole.height;
    item.own = shrunk(whole, THUMBNAIL_PIXELS);
  } else whole?.close();
  if (item.state === "checking") {
    if (field.transfer === "accept" && !whole) {
      item.note = host.words.say("not_shown");
      host.sender.queue(item);
    } else {
      item.move("waiting");
      host.changed(item);
    }
  } else host.changed(item);
}

function shrunk(whole: ImageBitmap, most: number): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = within(whole.width, whole.height, most);
  const { width: w, height: h } = whole;
  drawPart(canvas, { image: whole, width: w, height: h }, whole, { x: 0, y: 0, w, h }, { rot: 0, flip: false });
  whole.close();
  return canvas;
}

/** The server's proxy; before there is one, the person's own picture. */
async function picture(item: Item): Promise<Upright | null> {
  if (item.facts.proxy) {
    const image = await load(item.facts.proxy);
    return { image, width: image.naturalWidth, height: image.naturalHeight };
  }
  const whole = item.file && await decode(item.file);
  if (!whole) return null;
  const image = shrunk(whole, EDITOR_PIXELS);
  return { image, width: image.width, height: image.height };
}

/** Let the person choose the part of a picture. */
export async function cropItem(host: GreenroomUpload, item: Item): Promise<void> {
  let upright: Upright | null = null;
  try {
    upright = await picture(item);
  } catch {
    // said below
  }
  if (!upright) {
    item.note = host.words.say("no_picture");
    host.live.say(item.id, item.note);
    host.render();
    return;
  }
  item.note = "";
  if (document.querySelector("greenroom-crop")) return; // pressed twice while the picture was on its way
  const editor = document.createElement("greenroom-crop") as GreenroomCrop;
  host.append(editor);
  let crop: Crop | null | undefined;
  try {
    crop = await editor.edit({
      name: item.name, picture: upright, size: { width: item.width, height: item.height },
      crop: item.crop, ratio: host.ratio, least: host.field.least, words: host.words, live: host.live,
    });
  } catch {
    editor.remove(); // no whole pixels of this picture have the ratio
    item.errors = [host.words.about("no_crop", item.name, { width: item.width, height: item.height, ratio: host.field.crop })];
    host.render();
    return;
  } finally {
    host.append(host.live.region);
  }
  if (crop !== undefined && host.tell("crop", item, { crop })) apply(host, item, crop);
  document.getElementById(item.id)?.querySelector<HTMLElement>("[data-act=crop]")?.focus();
}

function apply(host: GreenroomUpload, item: Item, crop: Crop | null): void {
  item.crop = crop;
  item.errors = [];
  const values = { name: item.name, w: crop ? resultSize(crop)[0] : 0, h: crop ? resultSize(crop)[1] : 0 };
  host.live.say(item.id, host.words.say(crop ? "said_cropped" : "said_whole", values));
  if (item.state === "waiting") {
    if (host.field.transfer === "accept") host.sender.queue(item);
    else host.changed(item);
    return;
  }
  const to = crop ? "cropped" : "ready";
  if ((item.isHeld || item.state === "invalid") && item.state !== to) item.move(to);
  host.changed(item); // what is still on its way becomes one or the other when it arrives
}
