// One card: the picture of the result, name, size, what becomes of it, and what can be done with it now.

import { button, h, once, SIGNS } from "./dom";
import { cropItem } from "./croppers";
import type { GreenroomUpload } from "./element";
import { compact, resultSize, wholeOf } from "./geometry";
import type { Item } from "./item";
import { drawPart, within } from "./pictures";
import { drag } from "./sorting";
import type { State } from "./states";
import { canRetry, replace, retry } from "./taking";

/** What can be done with a file in each state; what is not named here is held. */
const ACTS: Partial<Record<State, string>> = {
  picked: "cancel", checking: "cancel", rejected: "retry dismiss", expired: "retry choose dismiss", "needs-reselect": "choose cancel",
  waiting: "crop send_whole cancel", queued: "crop pause cancel", uploading: "crop pause cancel",
  retrying: "crop pause cancel", offline: "crop pause cancel", paused: "crop resume cancel", failed: "retry cancel",
  verifying: "crop cancel", removed: "undo",
};

type Act = [key: string, text: string, press: () => void];

const text = (words: string): HTMLElement[] => (words ? [h("bdi", {}, words)] : []);

export class Card {
  declare readonly node: HTMLLIElement;
  // For a hand that points at the picture; the keyboard has the button.
  readonly #picture = h("div", { class: "greenroom-picture", click: () => this.#tools.querySelector<HTMLElement>("[data-act=crop]")?.click() });
  // Names and numbers have a direction of their own, whatever that of the page is.
  readonly #title = h("strong", { class: "greenroom-name", dir: "auto" });
  readonly #about = h("span", { class: "greenroom-facts" });
  readonly #status = h("span", { class: "greenroom-status" });
  readonly #bar = h("progress", { class: "greenroom-bar", max: 1 });
  readonly #errors: HTMLElement;
  readonly #tools = h("div", { class: "greenroom-actions" });
  readonly #sorts = h("div", { class: "greenroom-sorts" });
  #shownTools = "";
  #shownPicture = "";
  #isUnseen = false;

  constructor(private readonly host: GreenroomUpload, readonly item: Item) {
    const { field } = host;
    this.#errors = h("div", { id: `${item.id}-errors`, class: "greenroom-errors" });
    this.node = h("li", { class: `greenroom-row greenroom-card greenroom-${!field.pictures ? "plain" : field.multiple ? "tile" : "wide"}`, id: item.id, tabindex: -1, "aria-describedby": this.#errors.id },
      this.#picture,
      h("div", { class: "greenroom-about" }, this.#title, this.#about, this.#status, this.#bar, this.#errors),
      this.#sorts, this.#tools);
  }

  update(): void {
    const { item, host: { words } } = this;
    const removed = item.state === "removed";
    this.node.dataset.state = item.state;
    this.node.ariaLabel = item.name;
    const going = item.isPending || item.state === "needs-reselect";
    const classes = this.node.classList;
    classes.toggle("greenroom-wrong", item.errors.length > 0);
    classes.toggle("greenroom-told", ["rejected", "expired", "removed"].includes(item.state));
    classes.toggle("greenroom-going", going || !!this.#next);
    this.#title.replaceChildren(item.facts.original && !removed
      ? h("a", { href: item.facts.original, title: `${item.name}${item.saved ? "" : `: ${words.say("download")}`}` }, item.name) : item.name);
    this.#about.replaceChildren(...text(this.#facts()));
    this.#status.replaceChildren(...text(this.says));
    this.#bar.hidden = !going || !item.sent;
    this.#bar.value = item.part;
    this.#bar.ariaLabel = words.say("progress_of", { name: item.name });
    this.#paint();
    const hints = [item.note, words.say(this.#isUnseen ? "unseen" : ""), words.say(this.#acts.length ? "" : "no_undo")].filter(Boolean);
    this.#errors.replaceChildren(...item.errors.map((each) => h("p", { class: "greenroom-error" }, each)),
      ...hints.map((each) => h("p", { class: "greenroom-hint" }, each)));
    this.#updateTools();
  }

  #facts(): string {
    const { item, host: { words } } = this;
    if (item.state === "removed") return "";
    if (item.saved) return words.say("saved");
    const parts = item.facts.size === undefined ? [] : [words.size(item.size)];
    if (item.isPicture) parts.push(words.say("pixels", { w: item.width, h: item.height }));
    if (item.crop) {
      const [w, height] = resultSize(item.crop);
      parts.push(words.say("result", { w, h: height }));
    }
    return parts.join(" · ");
  }

  /** What takes its place as soon as it is there. */
  get #next(): Item | undefined {
    return this.host.items.find((each) => each.replaces === this.item && each.isCounted);
  }

  get says(): string {
    const { item, host: { words, field } } = this;
    const next = this.#next;
    if (next) return words.say("replaced", { name: next.name });
    const key = item.state === "waiting" ? `waiting_${field.transfer}` : item.isHeld ? item.file && "ready"
      : item.state === "removed" && this.host.inPlaceOf(item) ? "displaced" : item.state;
    return words.say(key || "", {
      name: item.name, percent: words.percent(item.part), done: words.size(item.sent), size: words.size(item.size),
    });
  }

  // -- what can be done ------------------------------------------------------------------------------

  #list(): Act[] {
    const { item, host, host: { words, sender } } = this;
    const queue = (): void => sender.queue(item);
    const choose = (): void => replace(host, item);
    // What is not here takes the file out of the list, and needs no text beside its cross.
    const press: Record<string, () => void> = {
      crop: () => void cropItem(host, item), send_whole: () => { item.crop = null; queue() },
      pause: () => sender.pause(item), resume: queue, retry: () => retry(host, item),
      choose, replace: choose, undo: () => host.undo(item),
    };
    return this.#acts.map((key) => [key, press[key] ? words.say(key) : "", press[key] ?? (() => host.takeOut(item))]);
  }

  get #acts(): string[] {
    const { item, host } = this;
    const isOffered: Record<string, boolean> = {
      crop: host.field.crop !== "" && (item.isPicture || item.saved !== ""), // also while it is on its way
      send_whole: host.field.transfer === "accept",
      retry: canRetry(host, item),
      choose: !item.file,
      undo: host.hasRoom || !!host.inPlaceOf(item),
      remove: item.removable,
    };
    return (ACTS[item.state] ?? "crop replace remove").split(" ").filter((key) => isOffered[key] ?? true);
  }

  #updateTools(): void {
    const { item, host, host: { words } } = this;
    const list = this.#list();
    const order = host.field.multiple ? host.counted : [];
    const at = order.indexOf(item);
    const [earlier, later] = [at > 0, at >= 0 && at < order.length - 1];
    const key = `${list.map((each) => each[0]).join()} ${earlier} ${later} ${item.name}`;
    if (key === this.#shownTools) return;
    this.#shownTools = key;
    const active = this.node.contains(document.activeElement) ? (document.activeElement as HTMLElement).dataset.act : "";
    const { name } = item;
    const make = ([act, text, press]: Act): HTMLButtonElement => {
      const label = words.say(`${act}_name`, { name });
      return button(text, once(press), {
        sign: SIGNS[act] ?? act, label, kind: `greenroom-act-${act}`, "data-act": act, "aria-describedby": this.#errors.id,
      });
    };
    this.#tools.replaceChildren(...list.map(make));
    this.#sorts.replaceChildren();
    if (earlier || later) {
      const sort = (key: string, by: number) => make([key, "", () => host.shift(item, by)]);
      const [grip, before, after] = [sort("drag", 0), sort("earlier", -1), sort("later", 1)];
      grip.addEventListener("pointerdown", (event) =>
        drag(event, this.node, () => host.nodes, (before) => host.place(item, before)));
      grip.addEventListener("keydown", (event) => this.#sorted(event));
      // Not disabled: a button that loses the focus because it was pressed strands the keyboard.
      before.ariaDisabled = `${!earlier}`;
      after.ariaDisabled = `${!later}`;
      this.#sorts.append(grip, before, after);
    }
    if (active) (this.node.querySelector<HTMLElement>(`[data-act=${active}]`) ?? this.node).focus();
  }

  #sorted(event: KeyboardEvent): void {
    const rtl = getComputedStyle(this.node).direction === "rtl" ? -1 : 1;
    const by = { ArrowLeft: -rtl, ArrowRight: rtl, ArrowUp: -1, ArrowDown: 1, Home: -Infinity, End: Infinity }[event.key];
    if (by === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    this.host.shift(this.item, by);
  }

  // -- the picture -----------------------------------------------------------------------------------

  /** The result: as the server shows it once it has the file, until then as this browser can draw it. */
  #paint(): void {
    const { item } = this;
    const crop = item.crop ? `?crop=${compact(item.crop)}` : "";
    const address = item.facts.preview ? item.facts.preview + (item.saved ? "" : crop) : "";
    const key = address || `${item.own ? "own" : item.name} ${crop}`;
    if (key === this.#shownPicture) return;
    this.#shownPicture = key;
    this.#isUnseen = false;
    if (address) void this.#show(address);
    else if (item.own) this.#draw(item.own);
    else this.#picture.replaceChildren(this.#sign());
  }

  async #show(address: string): Promise<void> {
    const alt = this.host.words.say("preview_of", { name: this.item.name });
    const image = h("img", { alt, src: address, draggable: "false" });
    if (!this.#picture.firstChild) this.#picture.append(image);
    try {
      await image.decode(); // what was there stays until the new one can be seen
      if (this.#shownPicture === address) this.#picture.replaceChildren(image);
    } catch {
      if (this.#shownPicture !== address) return;
      this.#picture.replaceChildren(this.#sign());
      this.#isUnseen = true;
      this.update();
      void this.host.sender.recall(this.item);
    }
  }

  #draw(own: HTMLCanvasElement): void {
    const { item } = this;
    const crop = item.crop ?? { ...wholeOf(item), rot: 0, flip: false };
    const canvas = h("canvas", { role: "img", "aria-label": this.host.words.say("preview_of", { name: item.name }) });
    [canvas.width, canvas.height] = within(...resultSize(crop), 640);
    drawPart(canvas, own, item, crop, crop);
    this.#picture.replaceChildren(canvas);
  }

  #sign(): HTMLElement {
    const extension = /\.([a-z0-9]{1,5})$/i.exec(this.item.name)?.[1] ?? "";
    return h("span", { class: "greenroom-icon", "aria-hidden": "true" }, extension);
  }
}

