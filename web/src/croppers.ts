// A card's picture before the server has one, and its way into the editor and back.

import { GreenroomCrop } from "./editor";
import type { GreenroomUpload } from "./element";
import { tooSmall } from "./field";
import { type Crop, resultSize, type Size, wholeOf } from "./geometry";
import type { Item } from "./item";
import { decode, drawPart, type Upright, within } from "./pictures";
import { take } from "./taking";

const THUMBNAIL_PIXELS = 640;
const EDITOR_PIXELS = 2048;

/** Decode a picture of the person's own for its card; and, where it waits for that, decide what happens next. */
export async function takeThumbnail(host: GreenroomUpload, item: Item): Promise<void> {
  const { field } = host;
  const { file } = item;
  const whole = file && file.type.startsWith("image/") ? await decode(file) : null;
  if (whole && !item.facts.preview) {
    item.width ||= whole.width;
    item.height ||= whole.height;
    item.own = shrunk(whole, THUMBNAIL_PIXELS);
  } else whole?.close();
  if (item.state === "checking") {
    const wrong = whole ? tooSmall(field, host.words, item) : "";
    if (wrong) host.sender.reject(item, wrong);
    else if (field.transfer === "accept" && !whole) {
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
  drawPart(canvas, whole, whole, wholeOf(whole), { rot: 0, flip: false });
  whole.close();
  return canvas;
}

/** The server's proxy, and before there is one the person's own picture; with the size of the whole. */
async function picture(item: Item, file: File | null): Promise<[Upright, Size] | null> {
  if (item.facts.proxy) {
    const image = new Image();
    image.src = item.facts.proxy;
    await image.decode();
    return [image, item];
  }
  const whole = file && await decode(file);
  if (!whole) return null;
  const { width, height } = whole;
  return [shrunk(whole, EDITOR_PIXELS), { width, height }];
}

/** What is saved, as a file that can be chosen. */
async function savedFile(item: Item): Promise<File> {
  const answer = await fetch(item.facts.original!);
  if (!answer.ok) throw new Error(answer.statusText);
  const bytes = await answer.blob();
  return new File([bytes], item.name, { type: bytes.type, lastModified: 0 });
}

/** Let the person choose the part of a picture. A part of one that is saved is a new picture, and takes its place. */
export async function cropItem(host: GreenroomUpload, item: Item): Promise<void> {
  let { file } = item;
  let found: [Upright, Size] | null = null;
  try {
    if (item.saved) file = await savedFile(item);
    found = await picture(item, file);
  } catch {
    // said below
  }
  if (!found) {
    item.note = host.words.say(item.saved ? "not_cropped" : "no_picture");
    host.live.say(item.id, item.note);
    host.render();
    return;
  }
  item.note = "";
  if (document.querySelector("greenroom-crop")) return; // pressed twice while the picture was on its way
  const editor = document.createElement("greenroom-crop") as GreenroomCrop;
  host.append(editor);
  const [upright, { width, height }] = found;
  let crop: Crop | null | undefined;
  try {
    crop = await editor.edit({
      name: item.name, picture: upright, size: { width, height },
      crop: item.crop, ratio: host.ratio, least: host.field.least, words: host.words, live: host.live,
    });
  } catch {
    editor.remove(); // no whole pixels of this picture have the ratio
    item.errors = [host.words.about("no_crop", item.name, { width, height, ratio: host.field.crop })];
    host.render();
    return;
  } finally {
    host.append(host.live.region);
  }
  let cropped: Item | undefined = item;
  if (crop !== undefined && host.tell("crop", item, { crop })) {
    if (item.saved) cropped = crop ? (await take(host, [file!], host.inPlaceOf(item)))[0] : undefined;
    if (cropped) apply(host, cropped, crop);
  }
  document.getElementById((cropped ?? item).id)?.querySelector<HTMLElement>("[data-act=crop]")?.focus();
}

function apply(host: GreenroomUpload, item: Item, crop: Crop | null): void {
  item.crop = crop;
  item.errors = [];
  const [w, h] = crop ? resultSize(crop) : [0, 0];
  host.live.say(item.id, host.words.say(crop ? "said_cropped" : "said_whole", { name: item.name, w, h }));
  if (item.state === "waiting") {
    if (host.field.transfer === "accept") host.sender.queue(item);
    else host.changed(item);
    return;
  }
  const to = crop ? "cropped" : "ready";
  if ((item.isHeld || item.state === "invalid") && item.state !== to) item.move(to);
  host.changed(item); // what is still on its way becomes one or the other when it arrives
}
