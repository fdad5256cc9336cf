// One file of the list, and the list as the form sends it.

import type { Facts, ServerRow } from "./field";
import type { Crop } from "./geometry";
import { isCounted, isHeld, isPending, move, type State } from "./states";
import type { Transfer } from "./transfer";

/** What is written down of a row for Back and reload; the first eight are what `<name>-state` says as well. */
export interface KeptRow extends ServerRow {
  readonly state: State;
  readonly url?: string;
  readonly sent?: number;
  readonly modified?: number;
  /** The `key` of the row whose place it is to take. */
  readonly replaces?: string | undefined;
  /** The `key` of the row that has taken its place. */
  readonly successor?: string | undefined;
}

type AnyRow = ServerRow & Partial<KeptRow>;

let count = 0;

export class Item {
  readonly id = `greenroom-${++count}`;
  state: State;
  /** The state before it was removed, to which Undo goes back. */
  before: State = "ready";
  token = "";
  use = "";
  saved = "";
  removable = true;
  crop: Crop | null = null;
  facts: Facts;
  errors: string[] = [];
  note = "";
  file: File | null = null;
  /** A picture of it from the person's own disk, upright, as long as the server has not made one. */
  own: HTMLCanvasElement | null = null;
  width = 0;
  height = 0;
  sent = 0;
  /** The address of the upload, as long as it may be resumed or given up. */
  url = "";
  /** When the file was last changed on the person's disk, by which it is known again after a reload. */
  modified = 0;
  transfer: Transfer | null = null;
  /** When the server last had it, in `performance.now()`; and whether it is being asked just now. */
  seenAt = performance.now();
  asking = false;
  /** It was refused because there were enough. */
  isSurplus = false;
  /** Whether the page was asked for anew since the person wanted it sent, see `renewal.ts`. */
  renewed = false;
  /** It takes the place of this one as soon as it is there. */
  replaces: Item | null = null;
  /** It has taken the place of this one, and gives it back when this one is had back. */
  successor: Item | null = null;

  constructor(facts: Facts, state: State) {
    this.facts = facts;
    this.state = state;
    this.width = facts.width ?? 0;
    this.height = facts.height ?? 0;
  }

  static ofFile(file: File): Item {
    const item = new Item({ name: file.name, size: file.size }, "picked");
    item.file = file;
    item.modified = file.lastModified;
    item.use = newUse();
    return item;
  }

  /** A row of the server's, or one that was kept. */
  static of(row: AnyRow): Item {
    const held: State = row.saved ? "saved" : row.crop ? "cropped" : "ready";
    const item = new Item(row, row.state ?? (row.removed ? "removed" : row.errors.length ? "invalid" : held));
    item.before = held;
    item.token = row.token ?? "";
    item.use = row.use ?? "";
    item.saved = row.saved ?? "";
    item.crop = row.crop ?? null;
    item.removable = row.removable;
    item.errors = [...row.errors];
    item.url = row.url ?? "";
    item.sent = row.sent ?? 0;
    item.modified = row.modified ?? 0;
    return item;
  }

  /** Rows, and who takes whose place among them, which the server is not told: `kept` has it. */
  static allOf(rows: readonly AnyRow[], kept = rows): Item[] {
    const items = rows.map((each) => Item.of(each));
    const found = (key?: string): Item | null => items.find((each) => key && each.key === key) ?? null;
    for (const row of kept) {
      const item = found(row.saved || row.use);
      if (!item) continue;
      item.replaces = found(row.replaces);
      item.successor = found(row.successor);
    }
    return items;
  }

  get name(): string { return this.facts.name }
  get size(): number { return this.facts.size ?? this.file?.size ?? 0 }
  /** What it is known by, also when it comes back from the server. */
  get key(): string { return this.saved || this.use }
  /** How much of it is sent, from 0 to 1. */
  get part(): number { return this.size ? this.sent / this.size : 0 }
  get isPicture(): boolean { return this.width > 0 }
  get isPending(): boolean { return isPending(this.state) }
  get isHeld(): boolean { return isHeld(this.state) }
  /** The server had it when it was last asked. */
  get isThere(): boolean { return this.token !== "" && (this.isHeld || this.state === "invalid") }
  /** It can be had back after it was removed, or was replaced. */
  get isUndoable(): boolean { return this.isHeld || this.state === "invalid" || this.state === "waiting" }
  get isCounted(): boolean { return isCounted(this.state) }

  move(to: State): void {
    if (to === "removed") this.before = this.state;
    this.state = move(this.state, to);
  }

  /** Whether a file that was chosen now is one that was asked for: of a half sent one the rest must be the same. */
  isThe(file: File): boolean {
    return this.name === file.name && this.size === file.size
      && (this.state === "expired" || (this.state === "needs-reselect" && this.modified === file.lastModified));
  }

  /** The server has it no more: what came from there goes. The crop stays, for when it is sent anew. */
  expire(): void {
    this.facts = { name: this.name, size: this.size };
    this.token = this.url = "";
    this.sent = 0;
    this.use = newUse();
  }

  /** What the server has found out. A crop that was made before it arrived stays if it fits. */
  learn(facts: Facts): void {
    this.own = null;
    this.note = ""; // was about what could not be done without the server
    this.facts = facts;
    this.seenAt = performance.now();
    this.width = facts.width ?? 0;
    this.height = facts.height ?? 0;
    if (this.crop && (this.crop.src[0] !== this.width || this.crop.src[1] !== this.height)) this.crop = null;
  }

  /** For `<name>-state`, or null for what the server does not have. */
  posted(croppable: boolean): object | null {
    const removed = this.state === "removed";
    if (!this.isUndoable && !removed) return null;
    if (this.saved) return { saved: this.saved, name: this.name, ...(removed && { removed }) };
    if (!this.token) return null; // it waits to be sent, or did so before it was removed
    return {
      token: this.token, use: this.use, name: this.name,
      ...(croppable && { crop: this.crop }), ...(removed && { removed }),
    };
  }

  /** For Back and reload: what is held as it is; of what is half sent, where to go on. */
  kept(): KeptRow | null {
    // All of it is there, and only what the server makes of it is not known yet.
    const verifying = this.state === "verifying" || (this.state === "failed" && this.token !== "");
    const half = (this.isPending || this.state === "failed") && this.url !== "" && this.modified > 0 && !verifying;
    const reselect = half || this.state === "needs-reselect";
    if (!reselect && !verifying && !this.posted(true)) return null;
    return {
      ...this.facts, errors: [],
      token: this.token, use: this.use, saved: this.saved, removable: this.removable,
      removed: this.state === "removed",
      crop: this.crop, replaces: this.replaces?.key, successor: this.successor?.key,
      state: reselect ? "needs-reselect" : verifying ? "verifying" : this.state,
      ...(reselect && { url: this.url, sent: this.sent, size: this.size, modified: this.modified }),
    };
  }
}

/** A form's one chance to save an upload. */
export function newUse(): string {
  return crypto.getRandomValues(new Uint32Array(4)).join("-");
}

export const stateJson = (items: readonly Item[], croppable: boolean): string =>
  JSON.stringify(items.map((each) => each.posted(croppable)).filter((each) => each !== null));
