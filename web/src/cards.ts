// One card: the picture of the result, name, size, what becomes of it, and what can be done with it now.

import { button, h } from "./dom";
import type { Field, Words } from "./field";
import { compact, resultSize } from "./geometry";
import type { Item } from "./item";
import { drawPart, within } from "./pictures";
import { drag } from "./sorting";

/** What a card asks the list for. */
export interface Acts {
  crop(item: Item): void;
  whole(item: Item): void;
  replace(item: Item): void;
  remove(item: Item): void;
  undo(item: Item): void;
  pause(item: Item): void;
  resume(item: Item): void;
  shift(item: Item, by: number): void;
  place(item: Item, before: HTMLElement | null): void;
  canUndo(item: Item): boolean;
  neighbours(item: Item): [boolean, boolean];
  cards(): HTMLElement[];
}

type Act = [key: string, sign: string, label: string, text: string, press: () => void];

const text = (words: string): HTMLElement[] => (words ? [h("bdi", {}, words)] : []);

export class Card {
  readonly node: HTMLLIElement;
  private readonly picture = h("div", { class: "greenroom-picture" });
  private readonly title = h("strong", { class: "greenroom-name" });
  private readonly about = h("span", { class: "greenroom-facts" });
  private readonly status = h("span", { class: "greenroom-status" });
  private readonly bar = h("progress", { class: "greenroom-bar", max: 1 });
  private readonly errors: HTMLElement;
  private readonly tools = h("div", { class: "greenroom-actions" });
  private readonly sorts = h("div", { class: "greenroom-sorts" });
  private shownTools = "";
  private shownPicture = "";

  constructor(
    readonly item: Item, private readonly field: Field, private readonly words: Words, private readonly acts: Acts,
  ) {
    this.errors = h("div", { id: `${item.id}-errors`, class: "greenroom-errors" });
    this.node = h("li", { class: `greenroom-row greenroom-card ${field.pictures ? "" : "greenroom-plain"}`, id: item.id, tabindex: -1 },
      this.picture,
      h("div", { class: "greenroom-about" }, this.title, this.about, this.status, this.bar, this.errors),
      this.sorts, this.tools);
  }

  update(): void {
    const { item, words } = this;
    const removed = item.state === "removed";
    this.node.dataset.state = item.state;
    this.node.setAttribute("aria-label", item.name);
    this.node.classList.toggle("greenroom-wrong", item.errors.length > 0);
    this.title.replaceChildren(item.facts.original && !removed
      ? h("a", { href: item.facts.original, dir: "auto", title: item.saved ? null : words.say("download") }, item.name)
      : h("bdi", {}, item.name));
    // Names and numbers have a direction of their own, whatever that of the page is.
    this.about.replaceChildren(...text(this.facts()));
    this.status.replaceChildren(...text(this.says()));
    this.bar.hidden = !["uploading", "retrying", "paused", "offline", "verifying", "needs-reselect"].includes(item.state);
    this.bar.value = item.size ? item.sent / item.size : 0;
    this.bar.setAttribute("aria-label", words.say("progress_of", { name: item.name }));
    const told = [...item.errors, ...(item.note ? [item.note] : [])];
    this.errors.replaceChildren(...item.errors.map((each) => h("p", { class: "greenroom-error" }, each)),
      ...(item.note ? [h("p", { class: "greenroom-hint" }, item.note)] : []));
    if (told.length) this.node.setAttribute("aria-describedby", this.errors.id);
    else this.node.removeAttribute("aria-describedby");
    this.updateTools(told.length > 0);
    this.paint();
  }

  private facts(): string {
    const { item, words } = this;
    if (item.state === "removed") return "";
    if (item.saved) return words.say("saved");
    const parts = [words.size(item.size)];
    if (item.isPicture) parts.push(words.say("pixels", { w: item.width, h: item.height }));
    if (item.crop) {
      const [w, height] = resultSize(item.crop);
      parts.push(words.say("result", { w, h: height }));
    }
    return parts.join(" · ");
  }

  private says(): string {
    const { item, words } = this;
    const percent = words.percent(item.size ? item.sent / item.size : 0);
    switch (item.state) {
      case "picked": case "checking": case "verifying": return words.say("checking");
      case "queued": return words.say("queued");
      case "waiting": return words.say(`waiting_${this.field.transfer}`);
      case "uploading":
        return words.say("uploading", { percent, done: words.size(item.sent), size: words.size(item.size) });
      case "paused": return words.say("paused", { percent });
      case "offline": case "retrying": return words.say(item.state);
      case "failed": return words.say("failed");
      case "needs-reselect": return words.say("reselect", { percent, name: item.name });
      case "removed": return words.say("removed", { name: item.name });
      case "ready": case "cropped": return item.file ? words.say("ready") : "";
      default: return "";
    }
  }

  // -- what can be done ------------------------------------------------------------------------------

  private list(): Act[] {
    const { item, words, field, acts } = this;
    const name = item.name;
    const act = (key: string, sign: string, text: string, press: (item: Item) => void): Act =>
      [key, sign, words.say(`${key}_name`, { name }), text && words.say(text), () => press(item)];
    const cancel = act("cancel", "remove", "", acts.remove);
    const crop = act("crop", "crop", "crop", acts.crop);
    const crops = this.isCroppable && !item.saved ? [crop] : []; // also while it is on its way
    switch (item.state) {
      case "rejected": case "expired": return [act("dismiss", "remove", "", acts.remove)];
      case "picked": case "checking": case "needs-reselect": return [cancel];
      case "verifying": return [...crops, cancel];
      case "waiting":
        return field.transfer === "accept" ? [crop, act("send_whole", "", "send_whole", acts.whole), cancel]
          : [...crops, cancel];
      case "queued": case "uploading": case "retrying": case "offline":
        return [...crops, act("pause", "pause", "pause", acts.pause), cancel];
      case "paused": return [...crops, act("resume", "resume", "resume", acts.resume), cancel];
      case "failed": return [act("retry", "right", "retry", acts.resume), cancel];
      case "removed": return acts.canUndo(item) ? [act("undo", "", "undo", acts.undo)] : [];
      default: return [
        ...crops,
        act("replace", "replace", "replace", acts.replace),
        ...(item.removable ? [act("remove", "remove", "", acts.remove)] : []),
      ];
    }
  }

  private get isCroppable(): boolean { return this.field.crop !== "" && this.item.isPicture }

  private updateTools(described: boolean): void {
    const { item, words, acts } = this;
    const list = this.list();
    const [earlier, later] = acts.neighbours(item);
    const key = `${list.map((each) => each[0]).join()} ${earlier} ${later} ${described} ${item.name}`;
    if (key === this.shownTools) return;
    this.shownTools = key;
    const active = this.node.contains(document.activeElement) ? (document.activeElement as HTMLElement).dataset.act : "";
    const make = ([act, sign, label, text, press]: Act): HTMLButtonElement => {
      const made = button(text, press, { icon: sign, label, class: `greenroom-act-${act}` });
      made.dataset.act = act;
      if (described) made.setAttribute("aria-describedby", this.errors.id);
      return made;
    };
    this.tools.replaceChildren(...list.map(make));
    const name = item.name;
    this.sorts.replaceChildren();
    if (earlier || later) {
      const grip = make(["drag", "grip", words.say("drag_name", { name }), "", () => undefined]);
      grip.addEventListener("pointerdown", (event) =>
        drag(event, this.node, acts.cards, (before) => acts.place(item, before)));
      grip.addEventListener("keydown", (event) => this.sorted(event));
      const before = make(["earlier", "earlier", words.say("earlier_name", { name }), "", () => acts.shift(item, -1)]);
      const after = make(["later", "later", words.say("later_name", { name }), "", () => acts.shift(item, 1)]);
      // Not disabled: a button that loses the focus because it was pressed strands the keyboard.
      before.setAttribute("aria-disabled", String(!earlier));
      after.setAttribute("aria-disabled", String(!later));
      this.sorts.append(grip, before, after);
    }
    if (active) (this.node.querySelector<HTMLElement>(`[data-act=${active}]`) ?? this.node).focus();
  }

  private sorted(event: KeyboardEvent): void {
    const rtl = getComputedStyle(this.node).direction === "rtl" ? -1 : 1;
    const by = { ArrowLeft: -rtl, ArrowRight: rtl, ArrowUp: -1, ArrowDown: 1, Home: -Infinity, End: Infinity }[event.key];
    if (by === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    this.acts.shift(this.item, by);
  }

  // -- the picture -----------------------------------------------------------------------------------

  /** The result: as the server shows it once it has the file, until then as this browser can draw it. */
  private paint(): void {
    const { item } = this;
    const crop = item.crop ? `?crop=${compact(item.crop)}` : "";
    const address = item.facts.preview ? item.facts.preview + (item.saved ? "" : crop) : "";
    const key = address || `${item.own ? "own" : item.name} ${crop}`;
    if (key === this.shownPicture) return;
    this.shownPicture = key;
    if (address) void this.show(address);
    else if (item.own) this.draw(item.own);
    else this.picture.replaceChildren(this.sign());
  }

  private async show(address: string): Promise<void> {
    const alt = this.words.say("preview_of", { name: this.item.name });
    const image = h("img", { alt, src: address });
    if (!this.picture.firstChild) this.picture.append(image);
    try {
      await image.decode(); // what was there stays until the new one can be seen
      if (this.shownPicture === address) this.picture.replaceChildren(image);
    } catch {
      if (this.shownPicture === address) this.picture.replaceChildren(this.sign());
    }
  }

  private draw(own: HTMLCanvasElement): void {
    const { item } = this;
    const crop = item.crop ?? { x: 0, y: 0, w: item.width, h: item.height, rot: 0, flip: false };
    const canvas = h("canvas", { role: "img", "aria-label": this.words.say("preview_of", { name: item.name }) });
    [canvas.width, canvas.height] = within(...resultSize(crop), 640);
    drawPart(canvas, { image: own, width: own.width, height: own.height }, item, crop, crop);
    this.picture.replaceChildren(canvas);
  }

  private sign(): HTMLElement {
    const extension = /\.([a-z0-9]{1,5})$/i.exec(this.item.name)?.[1] ?? "";
    return h("span", { class: "greenroom-icon", "aria-hidden": "true" }, extension);
  }
}

