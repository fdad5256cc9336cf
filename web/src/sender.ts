// Sends what is queued, a few at a time, and asks the server what it makes of what has arrived.

import { askFacts, csrfToken, type Field, type Words } from "./field";
import type { Item } from "./item";
import { type Failure, giveUp, send } from "./transfer";

const AT_ONCE = 3;
const RUNNING = ["uploading", "retrying"];
const LATER_MS = [1000, 3000, 9000];

export interface Listener {
  changed(item: Item): void;
  /** May refuse to send, by an event. */
  mayUpload(item: Item): boolean;
  arrived(item: Item): void;
  /** Make room for one more upload on the server; false if there is nothing to give up. */
  makeRoom(): boolean;
}

export class Sender {
  constructor(
    private readonly field: Field, private readonly words: Words, private readonly form: () => HTMLFormElement | null,
    private readonly items: () => readonly Item[], private readonly listener: Listener,
  ) {}

  private headers = (): Record<string, string> => ({ [this.field.csrf]: csrfToken(this.field, this.form()) });

  queue(item: Item): void {
    item.errors = [];
    item.move(item.token && item.state === "failed" ? "verifying" : "queued");
    this.listener.changed(item);
    if (item.state === "verifying") void this.verify(item);
    else this.pump();
  }

  /** Start as many of the queued ones as may run. */
  pump(): void {
    const items = this.items();
    for (const item of items) {
      if (items.filter((each) => RUNNING.includes(each.state)).length >= AT_ONCE) return;
      if (item.state === "queued") void this.start(item);
    }
  }

  private async start(item: Item): Promise<void> {
    if (!item.file) throw new Error("There is nothing to send.");
    if (!this.listener.mayUpload(item)) {
      this.change(item, "paused");
      return;
    }
    if (!navigator.onLine) {
      this.change(item, "offline");
      return;
    }
    this.change(item, "uploading");
    const mine = (): boolean => RUNNING.includes(item.state) && item.transfer === transfer;
    let transfer: Item["transfer"] = null;
    try {
      transfer = await send({
        file: item.file, endpoint: this.field.uploads, policy: this.field.policy, url: item.url, headers: this.headers,
        onUrl: (url) => { item.url = url; this.listener.changed(item) },
        onProgress: (sent) => {
          if (!mine()) return;
          item.sent = sent;
          if (item.state === "retrying") item.move("uploading");
          this.listener.changed(item);
        },
        onRetry: () => mine() && item.state === "uploading" && this.change(item, "retrying"),
        onDone: (token) => {
          if (!mine()) return;
          item.token = token;
          item.sent = item.size;
          void this.verify(item);
        },
        onFailure: (failure) => mine() && this.failed(item, failure),
      });
    } catch {
      // The chunk that sends could not be loaded.
      if (item.state === "uploading") this.failed(item, { code: "", detail: "", refused: false });
      return;
    }
    if (item.state !== "uploading" || item.transfer) void transfer.pause();
    else item.transfer = transfer;
  }

  private failed(item: Item, failure: Failure): void {
    item.transfer = null;
    if (failure.code === "too_many" && this.listener.makeRoom()) {
      this.change(item, "queued");
      window.setTimeout(() => this.pump(), LATER_MS[0]);
      return;
    }
    if (!navigator.onLine) {
      this.change(item, "offline");
      return;
    }
    item.errors = failure.detail ? [failure.detail] : [];
    // A refusal without words is a proxy's, not the server's: trying again may help, and a card has to say something.
    this.change(item, failure.refused && failure.detail ? "rejected" : "failed");
    this.pump();
  }

  /** Ask what the server has found in it. */
  async verify(item: Item): Promise<void> {
    item.transfer = null;
    if (item.state !== "verifying") this.change(item, "verifying");
    this.pump();
    for (const wait of [...LATER_MS, 0]) {
      try {
        const facts = await askFacts(this.field, item.token);
        if (item.state !== "verifying") return;
        this.judge(item, facts);
        return;
      } catch {
        if (!wait) break;
        await new Promise((resolve) => window.setTimeout(resolve, wait));
      }
      if (item.state !== "verifying") return;
    }
    if (item.state === "verifying") this.change(item, "failed");
  }

  /** Ask whether something from before a reload is held still. Without an answer it counts as held. */
  async recall(item: Item): Promise<void> {
    const facts = await askFacts(this.field, item.token).catch(() => undefined);
    if (facts === null && item.isHeld) this.expire(item);
  }

  private expire(item: Item): void {
    item.errors = [this.words.say("gone", { name: `“${item.name}”` })];
    this.change(item, "expired");
  }

  private judge(item: Item, facts: Awaited<ReturnType<typeof askFacts>>): void {
    if (!facts) {
      this.expire(item);
      return;
    }
    if (facts.error && this.field.pictures) {
      item.errors = [facts.error];
      this.change(item, "rejected");
      this.discard(item);
      return;
    }
    item.learn(facts);
    this.listener.arrived(item);
    this.change(item, item.crop ? "cropped" : "ready");
  }

  pause(item: Item): void {
    const transfer = item.transfer;
    item.transfer = null;
    this.change(item, "paused");
    void transfer?.pause();
    this.pump();
  }

  /** The widget is gone from the page. */
  stop(): void {
    for (const item of this.items()) if (RUNNING.includes(item.state) || item.state === "queued") this.pause(item);
  }

  /** The network is gone: nothing is tried until it is back. */
  offline(): void {
    for (const item of this.items()) {
      if (!RUNNING.includes(item.state) && item.state !== "queued") continue;
      void item.transfer?.pause();
      item.transfer = null;
      this.change(item, "offline");
    }
  }

  online(): void {
    for (const item of this.items()) if (item.state === "offline") this.change(item, "queued");
    this.pump();
  }

  /** Give up what was sent of it, if anything was. */
  discard(item: Item): void {
    const { transfer, url } = item;
    item.transfer = null;
    item.url = "";
    if (transfer) void transfer.cancel().catch(() => undefined);
    else if (url) void giveUp(url, this.headers());
    this.pump();
  }

  private change(item: Item, to: Item["state"]): void {
    item.move(to);
    this.listener.changed(item);
  }
}
