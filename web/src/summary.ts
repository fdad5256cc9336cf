// The line for all: how many are there, how much, how long still; and what can be done with all of them at once.

import { button, h } from "./dom";
import type { Words } from "./field";
import type { Item } from "./item";
import type { Sender } from "./sender";

const WINDOW_MS = 8000;

export class Summary {
  readonly node: HTMLElement;
  /** How much of all that this page sends is sent, from 0 to 1. */
  part = 0;
  private readonly text = h("span", { class: "greenroom-sum" });
  private readonly bar = h("progress", { class: "greenroom-bar", max: 1 });
  private readonly tools = h("span", { class: "greenroom-actions" });
  private samples: [number, number][] = [];
  private shown = "";

  constructor(
    private readonly words: Words, private readonly sender: Sender,
    private readonly items: () => readonly Item[], private readonly remove: (item: Item) => void,
  ) {
    this.bar.setAttribute("aria-label", words.say("files"));
    this.node = h("div", { class: "greenroom-line", hidden: true }, this.text, this.bar, this.tools);
  }

  update(): void {
    const ours = this.items().filter((each) => each.file && each.isCounted);
    const size = ours.reduce((sum, each) => sum + each.size, 0);
    const sent = ours.reduce((sum, each) => sum + Math.min(each.sent, each.size), 0);
    const open = ours.filter((each) => !each.isHeld);
    this.part = size ? sent / size : 0;
    const { words } = this;
    const left = this.left(size - sent, sent, ours);
    const alone = ours.length < 2; // its card says everything but the time
    this.node.hidden = !open.some((each) => each.state !== "waiting") || (alone && !left);
    if (this.node.hidden) return;
    const time = left ? [words.say("left", { time: words.time(left) })] : [];
    this.text.textContent = alone ? time.join() : [
      words.say("line", { done: ours.length - open.length, n: ours.length }),
      words.say("bytes", { done: words.size(sent), size: words.size(size) }),
      ...time,
    ].join(" · ");
    this.bar.hidden = this.tools.hidden = alone;
    this.bar.value = this.part;
    this.updateTools(ours);
  }

  /** Seconds until the end, by what the last seconds have brought; 0 while nobody can know. */
  private left(bytes: number, sent: number, ours: Item[]): number {
    if (!ours.some((each) => each.state === "uploading")) {
      this.samples = [];
      return 0;
    }
    const now = performance.now();
    this.samples.push([now, sent]);
    this.samples = this.samples.filter(([time]) => now - time < WINDOW_MS);
    const [first] = this.samples;
    if (!first || now - first[0] < 1000 || sent <= first[1]) return 0;
    return bytes / ((sent - first[1]) / (now - first[0])) / 1000;
  }

  private updateTools(ours: Item[]): void {
    const running = ours.filter((each) => ["queued", "uploading", "retrying", "offline"].includes(each.state));
    const paused = ours.filter((each) => each.state === "paused");
    const failed = ours.filter((each) => each.state === "failed");
    const shown = [running, paused, failed].map((each) => Number(each.length > 0)).join();
    if (shown === this.shown) return;
    this.shown = shown;
    const { words, sender } = this;
    const all = (state: string[], act: (item: Item) => void) => () => {
      for (const each of [...this.items()].reverse()) if (each.file && state.includes(each.state)) act(each);
    };
    const going = ["queued", "uploading", "retrying", "offline"];
    const had = this.tools.contains(document.activeElement);
    this.tools.replaceChildren(...[
      running.length && button(words.say("pause_all"), all(going, (each) => sender.pause(each)), { icon: "pause" }),
      paused.length && button(words.say("resume_all"), all(["paused"], (each) => sender.queue(each)), { icon: "resume" }),
      failed.length && button(words.say("retry_all"), all(["failed"], (each) => sender.queue(each)), { icon: "right" }),
      button(words.say("cancel_all"), all([...going, "paused", "failed", "verifying"], this.remove), { icon: "remove" }),
    ].filter((each) => each !== 0));
    if (had) this.tools.querySelector("button")?.focus();
  }
}
