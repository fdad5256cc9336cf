// The line for all: how many are there, how much, how long still; and what can be done with all of them at once.

import { button, h, SIGNS } from "./dom";
import type { GreenroomUpload } from "./element";
import type { Item } from "./item";
import type { State } from "./states";

const WINDOW_MS = 8000;
const GOING: State[] = ["queued", "uploading", "retrying", "offline"];

export class Summary {
  readonly node: HTMLElement;
  /** How much of all that this page sends is sent, from 0 to 1. */
  part = 0;
  readonly #text = h("span");
  readonly #bar = h("progress", { class: "greenroom-bar", max: 1 });
  readonly #tools = h("span", { class: "greenroom-actions" });
  #samples: [number, number][] = [];
  #shown = "";

  constructor(private readonly host: GreenroomUpload) {
    this.#bar.setAttribute("aria-label", host.words.say("files"));
    this.node = h("div", { class: "greenroom-line", hidden: true }, this.#text, this.#bar, this.#tools);
  }

  get #ours(): Item[] { return this.host.items.filter((each) => each.file && each.isCounted) }

  update(): void {
    const ours = this.#ours;
    const size = ours.reduce((sum, each) => sum + each.size, 0);
    const sent = ours.reduce((sum, each) => sum + Math.min(each.sent, each.size), 0);
    const open = ours.filter((each) => !each.isHeld);
    this.part = size ? sent / size : 0;
    const { words } = this.host;
    const left = this.#left(size - sent, sent, ours);
    const alone = ours.length < 2; // its card says everything but the time
    this.node.hidden = !open.some((each) => each.state !== "waiting") || (alone && !left);
    if (this.node.hidden) return;
    const time = left ? [words.say("left", { time: words.time(left) })] : [];
    this.#text.textContent = alone ? time.join() : [
      words.say("line", { done: ours.length - open.length, n: ours.length }),
      words.say("bytes", { done: words.size(sent), size: words.size(size) }),
      ...time,
    ].join(" · ");
    this.#bar.hidden = this.#tools.hidden = alone;
    this.#bar.value = this.part;
    this.#updateTools();
  }

  /** Seconds until the end, by what the last seconds have brought; 0 while nobody can know. */
  #left(bytes: number, sent: number, ours: Item[]): number {
    if (!ours.some((each) => each.state === "uploading")) {
      this.#samples = [];
      return 0;
    }
    const now = performance.now();
    this.#samples.push([now, sent]);
    this.#samples = this.#samples.filter(([time]) => now - time < WINDOW_MS);
    const [first] = this.#samples;
    if (!first || now - first[0] < 1000 || sent <= first[1]) return 0;
    return bytes / ((sent - first[1]) / (now - first[0])) / 1000;
  }

  /** What can be done with all at once; the last are begun with, so that no place that gets free is taken by one of them. */
  #updateTools(): void {
    const { host } = this;
    const queue = (each: Item): void => host.sender.queue(each);
    const all: [key: string, states: State[], act: (item: Item) => void][] = [
      ["pause", GOING, (each) => host.sender.pause(each)],
      ["resume", ["paused"], queue],
      ["retry", ["failed"], queue],
      ["cancel", [...GOING, "paused", "failed", "verifying"], (each) => host.takeOut(each)],
    ];
    const found = (states: State[]): Item[] => this.#ours.filter((each) => states.includes(each.state)).reverse();
    const offered = all.filter(([, states]) => found(states).length);
    const shown = offered.map(([key]) => key).join();
    if (shown === this.#shown) return;
    this.#shown = shown;
    const had = this.#tools.contains(document.activeElement);
    this.#tools.replaceChildren(...offered.map(([key, states, act]) =>
      button(host.words.say(`${key}_all`), () => found(states).forEach(act), { icon: SIGNS[key] ?? key })));
    if (had) this.#tools.querySelector("button")?.focus();
  }
}
