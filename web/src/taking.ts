// Files that come into the list: refused at once, added, or in the place of another.

import { takeThumbnail } from "./croppers";
import { h } from "./dom";
import type { GreenroomUpload } from "./element";
import { objection } from "./field";
import type { Found } from "./intake";
import { Item } from "./item";

/** Take files as if the person had chosen them; `replaced` gives its place to the first that can be taken. */
export async function take(host: GreenroomUpload, files: readonly Found[], replaced?: Item): Promise<Item[]> {
  const { field, words } = host;
  const taken: Item[] = [];
  let places = 0;
  const one = !field.multiple || !!replaced;
  const old = replaced ?? (one ? host.counted[0] ?? null : null);
  for (const file of files) {
    if (typeof file === "string") {
      refuse(host, new Item({ name: file }, "picked"), words.about("unread", file));
      continue;
    }
    const known = host.items.find((each) => each.isThe(file));
    if (known) {
      places += 1;
      known.file = file;
      host.sender.queue(known);
      continue;
    }
    const item = Item.ofFile(file);
    if (!host.tell("accept", item)) continue;
    const full = one ? places > 0 : !host.hasRoom;
    const unfit = objection(field, words, file);
    if (unfit || full) {
      item.isSurplus = !unfit; // room would not help against anything else
      refuse(host, item, unfit || words.about("too_many", file.name, { limit: field.most }));
      continue;
    }
    item.move("checking");
    item.replaces = old;
    host.items.splice(old ? host.items.indexOf(old) + 1 : host.items.length, 0, item);
    if (old) makeWay(host, old, item);
    places += 1;
    taken.push(item);
  }
  if (taken.length) host.live.say("added", words.say("said_added", { n: taken.length }));
  host.render();
  if (replaced && taken[0]) host.focusOn(taken[0]); // the button that was pressed goes with the old one
  for (const item of taken) if (field.transfer === "pick") host.sender.queue(item);
  for (const item of taken) await takeThumbnail(host, item);
  return taken;
}

/** Whether sending it once more may help: what was too many waits for room. */
export const canRetry = (host: GreenroomUpload, item: Item): boolean =>
  item.state === "failed" || (item.state === "expired" ? !!item.file : item.state === "rejected" && item.isSurplus && host.hasRoom);

export function retry(host: GreenroomUpload, item: Item): void {
  if (item.state !== "rejected") host.sender.queue(item);
  else {
    host.forget(item);
    void take(host, [item.file!]);
    host.focusOn(host.items.at(-1)); // the button that was pressed is gone
  }
}

/** Say beside its name why a file is not taken. */
function refuse(host: GreenroomUpload, item: Item, wrong: string): void {
  item.errors = [wrong];
  item.move("checking");
  item.move("rejected");
  host.items.push(item);
  host.live.say(item.id, wrong);
  host.tell("state", item);
}

/** `item` takes the place of `old`: what else was to do so goes, and `old` as well if it has not arrived. */
function makeWay(host: GreenroomUpload, old: Item, item: Item): void {
  for (const each of host.items) if (each !== item && each.replaces === old) host.drop(each);
  if (old.isUndoable && old.state !== "waiting") return;
  item.replaces = null;
  host.drop(old);
}

/** Ask for the file that is to take the place of `item`. */
export function replace(host: GreenroomUpload, item: Item): void {
  const chooser = h("input", { type: "file", form: "", hidden: true, accept: host.input.accept });
  chooser.addEventListener("change", (event) => {
    event.stopPropagation(); // it is no field of the form
    const file = chooser.files?.[0];
    if (file && host.tell("replace", item, { by: file })) void take(host, [file], host.inPlaceOf(item));
    chooser.remove();
  });
  chooser.addEventListener("cancel", () => chooser.remove());
  host.append(chooser);
  chooser.click();
}

/** The server has it. If it takes another's place, it takes it now. */
export function arrived(host: GreenroomUpload, item: Item): void {
  const old = item.replaces;
  if (!old) return;
  item.replaces = null;
  if (old.crop && !item.crop && old.crop.src[0] === item.width && old.crop.src[1] === item.height) {
    item.crop = old.crop;
  }
  if (!host.field.multiple) for (const each of host.items.filter((one) => one.state === "removed")) host.forget(each);
  old.successor = item;
  host.putAway(old);
}
