// Sends what is queued, a few at a time, and asks the server what it makes of what has arrived.

import type { GreenroomUpload } from "./element";
import { askFacts, csrfToken, tooSmall } from "./field";
import type { Item } from "./item";
import { renew } from "./renewal";
import { arrived } from "./taking";
import { type Failure, giveUp, send } from "./transfer";

const AT_ONCE = 3;
const RUNNING = ["uploading", "retrying"];
const LATER_MS = [1000, 3000, 9000];
const PATIENCE_MS = 5000;

export class Sender {
  #renewing: Promise<void> | null = null;

  constructor(private readonly host: GreenroomUpload) {}

  #headers = (): Record<string, string> => ({ [this.host.field.csrf]: csrfToken(this.host.field, this.host.internals.form) });

  queue(item: Item): void {
    item.errors = [];
    item.renewed = false;
    item.move(item.token && item.state === "failed" ? "verifying" : "queued");
    this.host.changed(item);
    if (item.state === "verifying") void this.verify(item);
    else this.pump();
  }

  /** Start as many of the queued ones as may run. */
  pump(): void {
    const items = this.host.items;
    if (this.#renewing) return;
    for (const item of items) {
      if (items.filter((each) => RUNNING.includes(each.state)).length >= AT_ONCE) return;
      if (item.state === "queued") void this.#start(item);
    }
  }

  async #start(item: Item): Promise<void> {
    const to = !this.host.tell("upload", item) ? "paused" : navigator.onLine ? "uploading" : "offline";
    this.#change(item, to);
    if (to !== "uploading") return;
    const mine = (): boolean => RUNNING.includes(item.state) && item.transfer === transfer;
    let transfer: Item["transfer"] = null;
    try {
      transfer = await send({
        file: item.file!, endpoint: this.host.field.uploads, policy: this.host.field.policy, url: item.url, headers: this.#headers,
        onUrl: (url) => { item.url = url; this.host.changed(item) },
        onProgress: (sent) => {
          if (!mine()) return;
          item.sent = sent;
          if (item.state === "retrying") item.move("uploading");
          this.host.changed(item);
        },
        onRetry: () => {
          if (!mine()) return;
          if (item.state === "uploading") this.#change(item, "retrying");
          void this.#read(item);
        },
        onDone: (token) => {
          if (!mine()) return;
          item.token = token;
          item.sent = item.size;
          void this.verify(item);
        },
        onFailure: (failure) => mine() && this.#failed(item, failure),
      });
    } catch {
      // The chunk that sends could not be loaded.
      if (item.state === "uploading") this.#failed(item, { code: "", detail: "", refused: false });
      return;
    }
    if (item.state !== "uploading" || item.transfer) void transfer.pause();
    else item.transfer = transfer;
  }

  /** A file that was changed or removed meanwhile cannot be read any more, however often that is tried. */
  async #read(item: Item): Promise<void> {
    try {
      await item.file?.slice(0, 1).arrayBuffer();
    } catch {
      if (!RUNNING.includes(item.state)) return;
      this.reject(item, this.host.words.about("changed", item.name));
    }
  }

  #failed(item: Item, failure: Failure): void {
    item.transfer = null;
    if (failure.code === "too_many" && this.host.makeRoom()) {
      this.#change(item, "queued");
      setTimeout(() => this.pump(), LATER_MS[0]);
      return;
    }
    if (!navigator.onLine) {
      this.#change(item, "offline");
      return;
    }
    const estranged = ["forbidden", "not_held"].includes(failure.code);
    if (estranged && !item.renewed) {
      item.renewed = true;
      item.url = "";
      this.#change(item, "queued");
      this.#renewing ??= renew(this.host).catch(() => undefined).then(() => { this.#renewing = null; this.pump() });
      return;
    }
    item.errors = failure.detail ? [failure.detail] : [];
    item.isSurplus = failure.code === "too_many";
    // A refusal without words is a proxy's, not the server's: trying again may help, and a card has to say something.
    this.#change(item, failure.refused && failure.detail && !estranged ? "rejected" : "failed");
    this.pump();
  }

  /** Ask what the server has found in it. */
  async verify(item: Item): Promise<void> {
    item.transfer = null;
    if (item.state !== "verifying") this.#change(item, "verifying");
    this.pump();
    for (const wait of [...LATER_MS, 0]) {
      try {
        const facts = await askFacts(this.host.field, item.token);
        if (item.state !== "verifying") return;
        this.#judge(item, facts);
        return;
      } catch {
        if (!wait) break;
        await new Promise((resolve) => setTimeout(resolve, wait));
      }
      if (item.state !== "verifying") return;
    }
    if (item.state === "verifying") this.#change(item, "failed");
  }

  /**
   * Ask whether something from some time ago is held still; without an answer it counts as held. If it is not, `others`
   * are asked about as well: a session that has ended takes all with it.
   */
  async recall(item: Item | undefined, others: readonly Item[] = this.host.items): Promise<void> {
    if (!item?.isThere || item.asking) return;
    item.asking = true;
    const { token } = item;
    const facts = await askFacts(this.host.field, token, { signal: AbortSignal.timeout(PATIENCE_MS) }).catch(() => undefined);
    item.asking = false;
    item.seenAt = performance.now();
    if (facts === null && item.isThere && item.token === token) {
      for (const each of others) if (each !== item) void this.recall(each, []);
      this.#expire(item);
    } else this.host.changed(item);
  }

  #expire(item: Item): void {
    item.expire();
    item.errors = [this.host.words.about(item.file ? "gone_here" : "gone", item.name)];
    this.#change(item, "expired");
  }

  #judge(item: Item, facts: Awaited<ReturnType<typeof askFacts>>): void {
    if (!facts) {
      this.#expire(item);
      return;
    }
    const { field, words } = this.host;
    const wrong = field.pictures && (facts.error || tooSmall(field, words, facts));
    if (wrong) {
      this.reject(item, wrong);
      return;
    }
    item.learn(facts);
    arrived(this.host, item);
    this.#change(item, item.crop ? "cropped" : "ready");
  }

  /** It is not taken; the card says why. */
  reject(item: Item, wrong: string): void {
    item.errors = [wrong];
    this.#change(item, "rejected");
    this.discard(item);
  }

  pause(item: Item): void {
    const transfer = item.transfer;
    item.transfer = null;
    this.#change(item, "paused");
    void transfer?.pause();
    this.pump();
  }

  /** The widget is gone from the page, perhaps to come back; or the network is: nothing is tried until then. */
  stop(state: "queued" | "offline"): void {
    for (const item of this.host.items) {
      if (!RUNNING.includes(item.state) && (item.state !== "queued" || state === "queued")) continue;
      void item.transfer?.pause();
      item.transfer = null;
      this.#change(item, state);
    }
  }

  online(): void {
    for (const item of this.host.items) if (item.state === "offline") this.#change(item, "queued");
    this.pump();
  }

  /** Give up what was sent of it, if anything was. */
  discard(item: Item): void {
    const { transfer, url } = item;
    item.transfer = null;
    item.url = "";
    if (transfer) void transfer.cancel().catch(() => undefined);
    else if (url) giveUp(url, this.#headers());
    this.pump();
  }

  #change(item: Item, to: Item["state"]): void {
    item.move(to);
    this.host.changed(item);
  }
}
