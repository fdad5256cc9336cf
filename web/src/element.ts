// <greenroom-upload>: takes over the markup of the widget. What the form sends is the input `<name>-state`.

import { Card } from "./cards";
import { h, icon } from "./dom";
import { type Field, type ServerRow, Words } from "./field";
import { clamp, parseRatio } from "./geometry";
import { Intake } from "./intake";
import { Item, type KeptRow, stateJson } from "./item";
import { isReloading, keep, kept } from "./kept";
import { Live } from "./live";
import { Saving } from "./saving";
import { Sender } from "./sender";
import { Summary } from "./summary";
import { take } from "./taking";

/** What stops a file on its way is said aloud; where several are stopped at once, about one of them. */
const SPOKEN = ["offline", "paused", "retrying", "failed"];
/** In front of a list that is kept as it came: nothing to JSON. */
const UNCHANGED = " ";
const REPLACED = "[name$=-state], .greenroom-rows, .greenroom-default, .greenroom-line, .greenroom-saving, .greenroom-unseen, svg";

export class GreenroomUpload extends HTMLElement {
  static readonly formAssociated = true;
  readonly internals = this.attachInternals();
  items: Item[] = [];
  declare field: Field;
  declare words: Words;
  declare input: HTMLInputElement;
  readonly live = new Live();
  declare sender: Sender;
  #cards = new Map<Item, Card>();
  #list!: HTMLUListElement;
  #state!: HTMLInputElement;
  #zone!: HTMLElement;
  #label!: HTMLElement;
  #summary!: Summary;
  #saving!: Saving;
  #intake!: Intake;
  #initial: ServerRow[] = [];
  /** What this tab kept of the list when the page was left: a form that has come back is the same list. */
  #last: KeptRow[] = [];
  #restored = "";
  #atFirst = "";
  #keptAtFirst = "";
  #needed = false;
  #isUnsaved = false;
  #key = "";
  /** Until it is taken out of the page. */
  #here = new AbortController();
  /** How much was said to be sent, in quarters. */
  #said = 0;

  connectedCallback(): void {
    const input = this.querySelector<HTMLInputElement>("input[type=file]");
    // The empty row of a formset waits to be copied; its copies get names of their own.
    if (!this.dataset.field || !input || input.name.includes("__prefix__")) return;
    this.#key ||= `greenroom ${location.pathname} ${input.name} ${[...document.querySelectorAll(this.localName)].indexOf(this)}`;
    const last = this.#state ? "" : kept(this.#key);
    if (!this.#state) this.#build(input, last);
    this.#here = new AbortController();
    const { signal } = this.#here;
    const hear = (name: string, heard: () => void) => addEventListener(name, heard, { signal });
    hear("online", () => this.sender.online());
    hear("offline", () => this.sender.stop("offline"));
    hear("visibilitychange", () => {
      if (!document.hidden) void this.sender.recall(this.oldest); // somebody may have signed out meanwhile
    });
    this.#saving.listen(signal);
    this.#intake.listen(signal);
    this.sender.pump(); // what was under way when it was taken out of the page
    // Where nothing was changed, a reload shows what the server has by then.
    const state = this.#restored || (isReloading() && !last.startsWith(UNCHANGED) ? last : "");
    if (state) this.formStateRestoreCallback(state);
  }

  disconnectedCallback(): void {
    if (!this.#state) return;
    this.#here.abort();
    queueMicrotask(() => { // not when it was only moved to another place
      if (!this.isConnected) this.sender.stop("queued");
    });
  }

  /** Back (the browser calls this) or reload: what was held, with its crops and its order. */
  formStateRestoreCallback(state: string | File | FormData): void {
    if (typeof state !== "string") return;
    if (!this.#state) {
      this.#restored = state;
      return;
    }
    this.#restored = "";
    this.#reset(Item.allOf(JSON.parse(state) as KeptRow[]));
    for (const item of this.items) {
      if (item.state === "verifying") void this.sender.verify(item);
      else void this.sender.recall(item, []);
    }
  }

  /** As the page came; what was added since can be had back. */
  formResetCallback(): void {
    if (!this.#state) return;
    const initial = this.#asItCame;
    const added = this.items.filter((each) =>
      (each.isUndoable || each.state === "removed") && !initial.some((one) => one.key === each.key));
    for (const item of added) if (item.isUndoable) item.move("removed");
    this.#reset([...initial, ...added]);
  }

  #reset(items: Item[]): void {
    const gone = this.items.filter((each) => each.isPending);
    this.items = items;
    for (const item of gone) { item.move("removed"); this.sender.discard(item) }
    this.#saving.stay();
    this.render();
  }

  // -- building ----------------------------------------------------------------------------------------

  #build(input: HTMLInputElement, last: string): void {
    this.input = input;
    this.field = JSON.parse(this.dataset.field!) as Field;
    this.words = new Words(this.field);
    this.#initial = [...this.querySelectorAll<HTMLElement>("[data-row]")].map((each) => JSON.parse(each.dataset.row!) as ServerRow);
    // The rows it takes over; and what an element has made of them, where its markup was copied.
    this.querySelectorAll(REPLACED).forEach((each) => each.remove());
    this.#list = h("ul", { class: "greenroom-rows greenroom-cards", role: "list", "aria-label": this.words.say("files") });
    this.#state = h("input", { type: "hidden", name: `${input.name}-state` });
    this.#zone = this.querySelector<HTMLElement>(".greenroom-chooser")!;
    this.#label = this.#zone.querySelector("label")!;
    this.#zone.prepend(icon("add"));
    this.sender = new Sender(this);
    this.#summary = new Summary(this);
    this.#saving = new Saving(this);
    this.classList.add("greenroom-upgraded");
    this.prepend(this.#list, this.#summary.node);
    // Not in front: Chromium knows a form that it restores by its first two names, which it asks for before this is here.
    this.append(this.#state, this.#saving.node, this.live.region);
    input.addEventListener("change", () => {
      void take(this, [...input.files ?? []]);
      input.value = "";
    });
    this.#intake = new Intake(this, (files) => void take(this, files));
    // A row of a formset that may stay empty has no `required`, whatever its field says.
    this.#needed = this.field.required && (input.required || !!this.#initial.length);
    this.#last = JSON.parse(last || "[]") as KeptRow[];
    this.items = this.#asItCame;
    this.#isUnsaved = this.field.posted && this.items.some((each) => each.token || each.state === "removed");
    this.#keptAtFirst = this.#kept;
    this.render();
    this.#atFirst = this.#state.value;
  }

  /** Whether the form would save something that is not saved yet. */
  get isChanged(): boolean { return this.#isUnsaved || this.#state.value !== this.#atFirst }

  get #kept(): string { return JSON.stringify(this.items.map((each) => each.kept()).filter(Boolean)) }
  get #asItCame(): Item[] { return Item.allOf(this.#initial, this.#last) }
  get #croppable(): boolean { return this.field.crop !== "" }
  /** What the server was asked about longest ago. */
  get oldest(): Item | undefined {
    return this.items.filter((each) => each.isThere).sort((one, other) => one.seenAt - other.seenAt)[0];
  }
  /** Whether there is a place for one more. */
  get hasRoom(): boolean { return this.counted.length < this.field.most }
  /** The cards whose order counts. */
  get nodes(): HTMLElement[] { return this.counted.flatMap((each) => this.#cards.get(each)?.node ?? []) }
  get counted(): Item[] { return this.items.filter((each) => each.isCounted && !each.replaces) }

  /** An event that a page may cancel; returns whether it was not. */
  tell(name: string, item: Item, detail: Record<string, unknown> = {}): boolean {
    return this.dispatchEvent(new CustomEvent(`greenroom:${name}`, {
      bubbles: true, cancelable: true,
      detail: { name: item.name, size: item.size, state: item.state, file: item.file, crop: item.crop, ...detail },
    }));
  }

  // -- showing -----------------------------------------------------------------------------------------

  changed(item: Item): void {
    const card = this.#cards.get(item);
    if (!card) return;
    const was = card.node.dataset.state;
    if (was === item.state && was === "uploading") {
      card.update();
      this.#progress();
      this.#write();
      return;
    }
    if (was !== item.state) this.tell("state", item);
    this.render();
    const gone = this.items.filter((each) => each.state === "expired").length;
    if (item.state === "expired" && gone > 1) this.live.say("expired", this.words.say("said_gone", { n: gone }));
    else if (item.errors.length) this.live.say(item.state === "expired" ? "expired" : item.id, item.errors.join(" "));
    else if (was !== item.state && SPOKEN.includes(item.state)) this.live.say(item.state, `${item.name}: ${card.says}`);
    else if (was === "verifying" && item.isHeld) this.live.say(item.id, this.words.say("said_ready", { name: item.name }));
    this.#saving.go();
  }

  /** The list as it is now: cards, line, chooser, and what the form sends. */
  render(): void {
    const count = this.counted.length;
    const nodes = this.items.map((item) => {
      const card = this.#cards.get(item) ?? new Card(this, item);
      this.#cards.set(item, card);
      card.update();
      return card.node;
    });
    for (const each of this.#cards.keys()) if (!this.items.includes(each)) this.#cards.delete(each);
    const focused = document.activeElement;
    const shown = this.#list.children;
    nodes.forEach((node, at) => { if (shown[at] !== node) this.#list.insertBefore(node, shown[at]!) });
    while (shown.length > nodes.length) this.#list.lastChild!.remove();
    // Moving a card in the page takes the focus from what is in it.
    if (focused instanceof HTMLElement && this.contains(focused) && document.activeElement !== focused) focused.focus();
    const full = this.field.multiple && !this.hasRoom;
    this.#zone.classList.toggle("greenroom-full", full);
    this.#zone.classList.toggle("greenroom-slim", count > 0);
    this.input.disabled = full;
    if (full && focused === this.input) this.focusOn(this.counted.at(-1)); // what is disabled cannot keep it
    this.input.required = this.#needed && !count;
    this.#label.textContent = this.words.say(
      this.field.multiple ? (count ? "add" : "choose_many") : count ? "swap" : "choose_one");
    this.#progress();
    this.#write();
  }

  #progress(): void {
    this.#summary.update();
    const part = Math.floor(this.#summary.part * 4) / 4;
    if (part > this.#said && part < 1) this.live.say("percent", this.words.say("said_percent", { percent: this.words.percent(part) }));
    this.#said = part;
  }

  /** What the form sends, and what the browser keeps for Back and reload. */
  #write(): void {
    const rows = this.items.filter((each) => !each.replaces && each.posted(this.#croppable));
    // A field for one file looks at the first row only.
    const one = rows.find((each) => each.state !== "removed") ?? rows[0];
    const value = one ? stateJson(this.field.multiple ? rows : [one], this.#croppable) : "";
    if (this.#state.value !== value) {
      this.#state.value = value;
      this.dispatchEvent(new Event("change", { bubbles: true }));
    }
    const list = this.#kept;
    this.internals.setFormValue(null, list);
    keep(this.#key, (list === this.#keptAtFirst ? UNCHANGED : "") + list);
  }

  /** Where the keyboard goes when a card is gone or wants to be seen. */
  focusOn(item: Item | undefined): void {
    const node = (item && this.#cards.get(item)?.node) ?? this.input;
    node.focus();
    node.scrollIntoView({ block: "nearest" });
  }

  // -- removing and ordering ---------------------------------------------------------------------------

  takeOut(item: Item): void {
    if (item.state !== "rejected" && item.state !== "expired" && !this.tell("remove", item)) return;
    const list = this.items.filter((each) => each.state !== "removed");
    const at = list.indexOf(item);
    for (const each of this.items) if (each.replaces === item) each.replaces = null;
    this.putAway(item);
    this.live.say(item.id, this.words.say("said_removed", { name: item.name }));
    this.tell("state", item);
    this.render();
    this.focusOn(list[at + 1] ?? list[at - 1]);
    this.#saving.go();
  }

  /** Take it out of what is saved; where it can be had back, it stays in the list. */
  putAway(item: Item): void {
    if (item.isUndoable) item.move("removed");
    else this.drop(item);
  }

  drop(item: Item): void {
    item.move("removed");
    this.forget(item);
  }

  forget(item: Item): void {
    this.items = this.items.filter((each) => each !== item);
    this.sender.discard(item);
  }

  undo(item: Item): void {
    if (!this.tell("restore", item)) return;
    if (!this.counted.includes(item.replaces!)) item.replaces = null;
    const other = item.replaces ? undefined : this.inPlaceOf(item);
    if (other) {
      // They change places, so that this can be undone as well.
      this.#put(item, other);
      for (const each of this.items) if (each.replaces === other) each.replaces = item;
      other.successor = item;
      this.putAway(other);
    }
    item.successor = null;
    item.move(item.before);
    this.live.say(item.id, this.words.say("said_kept", { name: item.name }));
    this.tell("state", item);
    this.render();
    this.focusOn(item);
  }

  /** What has its place now: it, or what has taken its place meanwhile, and has to go when it is had back. */
  inPlaceOf(item: Item): Item | undefined {
    let next: Item | null = item;
    while (next?.state === "removed") next = next.successor;
    return this.counted.find((each) => !this.field.multiple || each === next);
  }

  /** The server has no room for one more of this page: what was removed longest ago cannot be had back any more. */
  makeRoom(): boolean {
    const gone = this.items.find((each) => each.state === "removed" && each.url);
    if (!gone) return false;
    this.forget(gone);
    return true;
  }

  /** Move a card by so many places, as far as there are. */
  shift(item: Item, by: number): void {
    const list = this.counted;
    const to = clamp(list.indexOf(item) + by, 0, list.length - 1);
    const next = by > 0 ? list[to + 1] : list[to];
    if (list[to] !== item) this.#reorder(item, next ?? null);
  }

  /** Move a card before another, or to the end. */
  place(item: Item, before: HTMLElement | null): void {
    this.#reorder(item, this.items.find((each) => each.id === before?.id) ?? null);
  }

  #reorder(item: Item, before: Item | null): void {
    if (before === item || !this.tell("move", item, { before: before?.name ?? null })) return;
    this.#put(item, before);
    this.render();
    const list = this.counted;
    this.live.say(item.id, this.words.say("said_place", { name: item.name, place: list.indexOf(item) + 1, n: list.length }));
  }

  #put(item: Item, before: Item | null): void {
    this.items = this.items.filter((each) => each !== item);
    this.items.splice(before ? this.items.indexOf(before) : this.items.length, 0, item);
  }

  /** The ratio that a crop must have, or null. */
  get ratio(): ReturnType<typeof parseRatio> { return parseRatio(this.field.crop) }
}
