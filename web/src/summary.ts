// The line for all: how many are there, how much, how long still; and what can be done with all of them at once.

import { button, h, once, SIGNS } from "./dom";
import type { GreenroomUpload } from "./element";
import type { Item } from "./item";
import type { State } from "./states";
import { canRetry, retry } from "./taking";

const GOING: State[] = ["queued", "uploading", "retrying", "offline"];
const isRefused = (item: Item): boolean => item.state === "rejected";

export class Summary {
  declare readonly node: HTMLElement;
  /** How much of all that this page sends is sent, from 0 to 1. */
  part = 0;
  readonly #text = h("span");
  readonly #bar = h("progress", { class: "greenroom-bar", max: 1 });
  readonly #tools = h("span", { class: "greenroom-actions" });
  /** When sending has begun, and what was sent by then. */
  #since: [number, number] | null = null;
  #shown = "";

  constructor(private readonly host: GreenroomUpload) {
    this.#bar.ariaLabel = host.words.say("files");
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
    const going = open.some((each) => each.state !== "waiting") && (!alone || left > 0);
    const n = this.host.items.filter(isRefused).length;
    const refused = n > 1; // one is dismissed by itself
    this.node.hidden = !going && !refused;
    if (this.node.hidden) return;
    const many = going && !alone;
    this.#text.textContent = [
      many && words.say("line", { done: ours.length - open.length, n: ours.length }),
      many && words.say("bytes", { done: words.size(sent), size: words.size(size) }),
      left && words.say("left", { time: words.time(left) }),
      refused && words.say("refused", { n }),
    ].filter(Boolean).join(" · ");
    this.#bar.hidden = !many;
    this.#tools.hidden = !many && !refused;
    this.#bar.value = this.part;
    this.#updateTools();
  }

  /** Seconds until the end, as fast as it went since it was begun or resumed; 0 while nobody can know. */
  #left(bytes: number, sent: number, ours: Item[]): number {
    if (!ours.some((each) => each.state === "uploading")) {
      this.#since = null;
      return 0;
    }
    const now = performance.now();
    const [since, first] = this.#since ??= [now, sent];
    return now - since < 1000 || sent <= first ? 0 : bytes * (now - since) / (sent - first) / 1000;
  }

  /** What can be done with all at once. What makes room begins with the last, so that none of them takes it. */
  #updateTools(): void {
    const { host } = this;
    const takeOut = (each: Item): void => host.takeOut(each);
    const going = (each: Item): boolean => GOING.includes(each.state);
    const all: [key: string, is: (item: Item) => boolean, act: (item: Item) => void][] = [
      ["retry", (each) => canRetry(host, each), (each) => retry(host, each)],
      ["resume", (each) => each.state === "paused", (each) => host.sender.queue(each)],
      ["pause", going, (each) => host.sender.pause(each)],
      ["cancel", (each) => each.isPending || each.state === "failed", takeOut],
      ["dismiss", isRefused, takeOut],
    ];
    const offered = all.filter(([, is]) => host.items.some(is));
    const shown = offered.map(([key]) => key).join();
    if (shown === this.#shown) return;
    this.#shown = shown;
    const had = this.#tools.contains(document.activeElement);
    this.#tools.replaceChildren(...offered.map(([key, is, act]) => button(host.words.say(`${key}_all`), once(() => {
      const items = host.items.filter(is);
      if (key !== "retry") items.reverse();
      for (const each of items) if (is(each)) act(each); // there is room for so many only
    }), { sign: SIGNS[key] ?? key })));
    if (had) this.#tools.querySelector("button")?.focus();
  }
}
