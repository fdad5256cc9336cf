// What is said aloud: one polite region for each widget. What happens within 750 ms is said at once, and of several
// things about one subject only the last.

import { h } from "./dom";

const WAIT_MS = 750;

export class Live {
  readonly #waiting = new Map<string, string>();
  #timer = 0;

  /** While a dialog is open, it is in there: what is outside of one is not read out. */
  readonly region = h("div", { class: "greenroom-unseen", role: "status", "aria-live": "polite" });

  say(subject: string, text: string): void {
    this.#waiting.delete(subject);
    if (text) this.#waiting.set(subject, text);
    this.#timer ||= window.setTimeout(() => {
      this.#timer = 0;
      this.region.replaceChildren(...[...this.#waiting.values()].map((each) => h("p", {}, each)));
      this.#waiting.clear();
    }, WAIT_MS);
  }
}
