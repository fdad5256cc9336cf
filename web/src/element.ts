// <greenroom-upload>: takes over the markup of the widget. What the form sends is the input `<name>-state`.

import { type Acts, Card } from "./cards";
import { h, icon } from "./dom";
import { type Field, objection, type ServerRow, Words } from "./field";
import { parseRatio } from "./geometry";
import { Intake } from "./intake";
import { Item, type KeptRow, stateJson } from "./item";
import { keep, reloaded } from "./kept";
import { Live } from "./live";
import { cropItem, takeThumbnail } from "./croppers";
import { Saving } from "./saving";
import { Sender } from "./sender";
import { Summary } from "./summary";

const UNDOABLE = ["ready", "cropped", "saved", "invalid", "waiting"];

export class GreenroomUpload extends HTMLElement {
  static readonly formAssociated = true;
  readonly internals = this.attachInternals();
  items: Item[] = [];
  field!: Field;
  words!: Words;
  input!: HTMLInputElement;
  live!: Live;
  sender!: Sender;
  private cards = new Map<Item, Card>();
  private list!: HTMLUListElement;
  private state!: HTMLInputElement;
  private zone!: HTMLElement;
  private label!: HTMLElement;
  private summary!: Summary;
  private saving!: Saving;
  private intake!: Intake;
  private initial: ServerRow[] = [];
  private restored = "";
  private atFirst = "";
  private keptAtFirst = "";
  private needed = false;
  private key = "";
  private percent = 0;

  connectedCallback(): void {
    const input = this.querySelector<HTMLInputElement>("input[type=file]");
    // The empty row of a formset waits to be copied; its copies get names of their own.
    if (!this.dataset.field || !input || input.name.includes("__prefix__")) return;
    this.key ||= `greenroom ${location.pathname} ${input.name} ${[...document.querySelectorAll(this.localName)].indexOf(this)}`;
    const kept = this.state ? "" : reloaded(this.key);
    if (!this.state) this.build(input);
    this.saving.listen();
    window.addEventListener("online", this.online);
    window.addEventListener("offline", this.offline);
    this.intake.listen();
    const state = this.restored || kept;
    if (state) this.formStateRestoreCallback(state);
  }

  disconnectedCallback(): void {
    if (!this.state) return;
    this.saving.forget();
    window.removeEventListener("online", this.online);
    window.removeEventListener("offline", this.offline);
    this.intake.forget();
    queueMicrotask(() => { // not when it was only moved to another place
      if (!this.isConnected) this.sender.stop();
    });
  }

  /** Back (the browser calls this) or reload: what was held, with its crops and its order. */
  formStateRestoreCallback(state: string | File | FormData): void {
    if (typeof state !== "string") return;
    if (!this.state) {
      this.restored = state;
      return;
    }
    this.restored = "";
    this.reset((JSON.parse(state) as KeptRow[]).map((each) => Item.ofKept(each)));
    for (const item of this.items) {
      if (item.state === "verifying") void this.sender.verify(item);
      else if (item.token && item.isHeld) void this.sender.recall(item);
    }
  }

  formResetCallback(): void {
    if (this.state) this.reset(this.initial.map((each) => Item.ofServer(each)));
  }

  private reset(items: Item[]): void {
    const gone = this.items.filter((each) => each.isPending);
    this.items = items;
    for (const item of gone) { item.move("removed"); this.sender.discard(item) }
    this.saving.stay();
    this.render();
  }

  // -- building ----------------------------------------------------------------------------------------

  private build(input: HTMLInputElement): void {
    this.input = input;
    this.field = JSON.parse(this.dataset.field ?? "") as Field;
    this.words = new Words(this.field.words, this.field.lang);
    const rows = [...this.querySelectorAll<HTMLElement>("[data-row]")];
    this.initial = rows.map((each) => JSON.parse(each.dataset.row ?? "") as ServerRow);
    this.querySelector(".greenroom-rows")?.remove();
    this.querySelector(".greenroom-default")?.remove();
    this.list = h("ul", { class: "greenroom-rows greenroom-cards", role: "list", "aria-label": this.words.say("files") });
    this.state = h("input", { type: "hidden", name: `${input.name}-state` });
    this.zone = this.querySelector<HTMLElement>(".greenroom-chooser") ?? h("div");
    this.zone.classList.add("greenroom-zone");
    this.label = this.zone.querySelector("label") ?? h("label");
    this.label.after(h("span", { class: "greenroom-or" },
      this.words.say(this.field.multiple ? "hint_many" : "hint_one")));
    this.zone.prepend(icon("add"));
    const hint = this.zone.querySelector(".greenroom-hint");
    if (hint) {
      hint.id ||= `${input.id}-limits`;
      const described = input.getAttribute("aria-describedby");
      input.setAttribute("aria-describedby", [described, hint.id].filter(Boolean).join(" "));
    }
    const region = h("div", { class: "greenroom-unseen", role: "status", "aria-live": "polite" });
    this.live = new Live(region);
    this.sender = new Sender(this.field, this.words, () => this.internals.form, () => this.items, {
      changed: (item) => this.changed(item),
      mayUpload: (item) => this.tell("upload", item),
      arrived: (item) => this.arrived(item),
      makeRoom: () => this.makeRoom(),
    });
    this.summary = new Summary(this.words, this.sender, () => this.items, (each) => this.takeOut(each));
    this.saving = new Saving(this);
    this.classList.add("greenroom-upgraded");
    this.prepend(this.state, this.list, this.summary.node);
    this.append(this.saving.node, region);
    input.addEventListener("change", () => {
      void this.add([...input.files ?? []]);
      input.value = "";
    });
    this.intake = new Intake(this, (files) => void this.add(files));
    this.zone.dataset.drop = this.words.say("drop");
    // A row of a formset that may stay empty has no `required`, whatever its field says.
    this.needed = this.field.required && (input.required || rows.length > 0);
    this.items = this.initial.map((each) => Item.ofServer(each));
    this.keptAtFirst = this.kept;
    this.render();
    this.atFirst = this.state.value;
  }

  /** Whether the form would save something else than what the page came with. */
  get isChanged(): boolean { return this.state.value !== this.atFirst }

  private get kept(): string { return JSON.stringify(this.items.map((each) => each.kept()).filter(Boolean)) }
  private get croppable(): boolean { return this.field.crop !== "" }
  private get counted(): Item[] { return this.items.filter((each) => each.isCounted && !each.replaces) }

  private acts: Acts = {
    crop: (item) => void cropItem(this, item),
    whole: (item) => { item.crop = null; this.sender.queue(item) },
    replace: (item) => this.replace(item),
    remove: (item) => this.takeOut(item),
    undo: (item) => this.undo(item),
    pause: (item) => this.sender.pause(item),
    resume: (item) => this.sender.queue(item),
    shift: (item, by) => {
      const [list, at] = [this.counted, this.counted.indexOf(item)];
      const to = Math.min(Math.max(at + by, 0), list.length - 1);
      if (to !== at) this.reorder(item, by > 0 ? list[to + 1] ?? null : list[to] ?? null);
    },
    place: (item, before) => this.reorder(item, this.items.find((each) => each.id === before?.id) ?? null),
    canUndo: () => this.counted.length < this.field.most,
    neighbours: (item) => {
      const list = this.counted;
      const at = list.indexOf(item);
      return [at > 0 && this.field.multiple, at >= 0 && at < list.length - 1 && this.field.multiple];
    },
    cards: () => this.counted.map((each) => this.cards.get(each)?.node).filter((each) => each !== undefined),
  };

  /** An event that a page may cancel; returns whether it was not. */
  tell(name: string, item: Item, detail: Record<string, unknown> = {}): boolean {
    return this.dispatchEvent(new CustomEvent(`greenroom:${name}`, {
      bubbles: true, cancelable: true,
      detail: { name: item.name, size: item.size, state: item.state, file: item.file, crop: item.crop, ...detail },
    }));
  }

  // -- showing -----------------------------------------------------------------------------------------

  changed(item: Item): void {
    const card = this.cards.get(item);
    if (!card) return;
    if (card.node.dataset.state === item.state && item.state === "uploading") {
      card.update();
      this.progress();
      this.write();
      return;
    }
    this.tell("state", item);
    this.render();
    if (item.isHeld && item.file) this.live.say(item.id, this.words.say("said_ready", { name: item.name }));
    else if (item.errors.length) this.live.say(item.id, item.errors.join(" "));
    this.saving.go();
  }

  /** The list as it is now: cards, line, chooser, and what the form sends. */
  render(): void {
    const count = this.counted.length;
    const nodes = this.items.map((item) => {
      const card = this.cards.get(item) ?? new Card(item, this.field, this.words, this.acts);
      this.cards.set(item, card);
      card.update();
      // In a field for one file there is nothing to undo while there is another.
      card.node.hidden = item.state === "removed" && !this.field.multiple && count > 0;
      return card.node;
    });
    for (const each of this.cards.keys()) if (!this.items.includes(each)) this.cards.delete(each);
    const focused = document.activeElement;
    for (const [at, node] of nodes.entries()) {
      if (this.list.children[at] !== node) this.list.insertBefore(node, this.list.children[at] ?? null);
    }
    while (this.list.children.length > nodes.length) this.list.lastChild?.remove();
    // Moving a card in the page takes the focus from what is in it.
    if (focused instanceof HTMLElement && this.contains(focused) && document.activeElement !== focused) focused.focus();
    this.list.hidden = !nodes.length;
    const full = this.field.multiple && count >= this.field.most;
    this.zone.classList.toggle("greenroom-full", full);
    this.zone.classList.toggle("greenroom-slim", count > 0);
    this.input.disabled = full;
    this.input.required = this.needed && !count;
    this.label.textContent = this.words.say(
      this.field.multiple ? (count ? "add" : "choose_many") : count ? "swap" : "choose_one");
    this.progress();
    this.write();
  }

  private progress(): void {
    this.summary.update();
    const percent = Math.floor(this.summary.part * 4) * 25;
    if (percent > this.percent && percent < 100) {
      this.live.say("percent", this.words.say("said_percent", { percent: this.words.percent(percent / 100) }));
    }
    this.percent = percent;
  }

  /** What the form sends, and what the browser keeps for Back and reload. */
  private write(): void {
    const active = this.items.filter((each) => each.state !== "removed" && each.posted(this.croppable) && !each.replaces);
    const removed = this.items.filter((each) => each.state === "removed");
    // A field for one file looks at the first row only.
    const rows = this.field.multiple ? this.items.filter((each) => !each.replaces) : [...active, ...removed].slice(0, 1);
    const text = stateJson(rows, this.croppable);
    const value = text === "[]" ? "" : text;
    if (this.state.value !== value) {
      this.state.value = value;
      this.dispatchEvent(new Event("change", { bubbles: true }));
    }
    this.internals.setFormValue(null, this.kept);
    // Where nothing was changed, a reload shows what the server has by then.
    keep(this.key, this.kept === this.keptAtFirst ? "" : this.kept);
  }

  /** Where the keyboard goes when a card is gone or wants to be seen. */
  focusOn(item: Item | undefined): void {
    const card = item && this.cards.get(item);
    (card?.node ?? this.input).focus();
    card?.node.scrollIntoView({ block: "nearest" });
  }

  // -- taking files ------------------------------------------------------------------------------------

  /** Take files as if the person had chosen them; `replaced` gives its place to the first. */
  async add(files: readonly File[], replaced: Item | null = null): Promise<void> {
    const taken: Item[] = [];
    const old = replaced ?? (this.field.multiple ? null : this.counted[0] ?? null);
    for (const file of this.field.multiple && !replaced ? files : files.slice(0, 1)) {
      const half = this.items.find((each) => each.isThe(file));
      if (half) {
        half.file = file;
        this.sender.queue(half);
        continue;
      }
      const item = Item.ofFile(file);
      if (!this.tell("accept", item)) continue;
      item.replaces = old;
      item.move("checking");
      this.items.splice(old ? this.items.indexOf(old) + 1 : this.items.length, 0, item);
      const wrong = objection(this.field, this.words, file) || this.tooMany(item);
      if (wrong) {
        item.errors = [wrong];
        item.replaces = null;
        item.move("rejected");
        this.live.say(item.id, wrong);
        this.tell("state", item);
      } else {
        if (old) this.makeWay(old, item);
        taken.push(item);
      }
    }
    if (taken.length) this.live.say("added", this.words.say("said_added", { n: taken.length }));
    this.render();
    for (const item of taken) if (this.field.transfer === "pick") this.sender.queue(item);
    for (const item of taken) await takeThumbnail(this, item);
  }

  /** `item` takes the place of `old`: what else was to do so goes, and `old` as well if it has not arrived. */
  private makeWay(old: Item, item: Item): void {
    for (const each of this.items) if (each !== item && each.replaces === old) this.drop(each);
    if (UNDOABLE.includes(old.state) && old.state !== "waiting") return;
    item.replaces = null;
    this.drop(old);
  }

  private tooMany(item: Item): string {
    const count = this.counted.filter((each) => each !== item).length;
    return item.replaces || count < this.field.most ? ""
      : this.words.say("too_many", { name: `“${item.name}”`, limit: this.field.most });
  }

  private replace(item: Item): void {
    const chooser = h("input", { type: "file", form: "", hidden: true, accept: this.input.accept || null });
    chooser.addEventListener("change", () => {
      const file = chooser.files?.[0];
      if (file && this.tell("replace", item, { by: file })) void this.add([file], this.counted.includes(item) ? item : null);
      chooser.remove();
    });
    chooser.addEventListener("cancel", () => chooser.remove());
    this.append(chooser);
    chooser.click();
  }

  /** The server has it. If it takes another's place, it takes it now. */
  private arrived(item: Item): void {
    const old = item.replaces;
    if (!old) return;
    item.replaces = null;
    if (old.crop && !item.crop && old.crop.src[0] === item.width && old.crop.src[1] === item.height) {
      item.crop = old.crop;
    }
    if (!this.field.multiple) for (const each of this.items.filter((one) => one.state === "removed")) this.forget(each);
    if (UNDOABLE.includes(old.state)) old.move("removed");
    else this.drop(old);
  }

  // -- removing and ordering ---------------------------------------------------------------------------

  takeOut(item: Item): void {
    if (item.state !== "rejected" && item.state !== "expired" && !this.tell("remove", item)) return;
    const list = this.items.filter((each) => each.state !== "removed");
    const at = list.indexOf(item);
    for (const each of this.items) if (each.replaces === item) each.replaces = null;
    if (UNDOABLE.includes(item.state)) item.move("removed");
    else this.drop(item);
    this.live.say(item.id, this.words.say("said_removed", { name: item.name }));
    this.tell("state", item);
    this.render();
    this.focusOn(list[at + 1] ?? list[at - 1]);
    this.saving.go();
  }

  private drop(item: Item): void {
    item.move("removed");
    this.forget(item);
  }

  private forget(item: Item): void {
    this.items = this.items.filter((each) => each !== item);
    this.sender.discard(item);
  }

  private undo(item: Item): void {
    if (!this.tell("restore", item)) return;
    item.move(item.before);
    this.live.say(item.id, this.words.say("said_kept", { name: item.name }));
    this.tell("state", item);
    this.render();
    this.focusOn(item);
  }

  /** The server has no room for one more of this page: what was removed longest ago cannot be had back any more. */
  private makeRoom(): boolean {
    const gone = this.items.find((each) => each.state === "removed" && each.url);
    if (!gone) return false;
    this.forget(gone);
    return true;
  }

  private reorder(item: Item, before: Item | null): void {
    if (before === item || !this.tell("move", item, { before: before?.name ?? null })) return;
    const rest = this.items.filter((each) => each !== item);
    rest.splice(before ? rest.indexOf(before) : rest.length, 0, item);
    this.items = rest;
    this.render();
    const list = this.counted;
    this.live.say(item.id, this.words.say("said_place", { name: item.name, place: list.indexOf(item) + 1, n: list.length }));
  }

  private online = (): void => this.sender.online();
  private offline = (): void => this.sender.offline();
  /** The ratio that a crop must have, or null. */
  get ratio(): ReturnType<typeof parseRatio> { return parseRatio(this.field.crop) }
}
