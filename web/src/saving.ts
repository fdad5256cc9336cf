// Submitting while uploads run: the form waits for them. And the warning to whoever leaves with something unsaved.

import { button, h, once } from "./dom";
import type { GreenroomUpload } from "./element";
import type { Item } from "./item";

const STUCK = ["failed", "needs-reselect", "expired"];
/** So old an answer of the server does not count any more when the form is to be saved. */
const OLD_MS = 5000;

export class Saving {
  declare readonly node: HTMLElement;
  readonly #text = h("span");
  #form: HTMLFormElement | null = null;
  #submitter: HTMLElement | null = null;
  /** What the form waits for, or null while it does not wait. */
  #waited: Set<Item> | null = null;
  #leaving = false;

  constructor(private readonly host: GreenroomUpload) {
    this.node = h("div", { class: "greenroom-saving", hidden: true }, this.#text,
      button(host.words.say("stay"), once(() => this.stay())));
  }

  listen(signal: AbortSignal): void {
    this.#form = this.host.internals.form;
    this.#form?.addEventListener("submit", (event) => this.#submitted(event), { capture: true, signal });
    addEventListener("beforeunload", (event) => this.#unload(event), { signal });
  }

  get #pending(): Item[] { return this.host.items.filter((each) => each.isPending || each.asking) }

  #submitted(event: SubmitEvent): void {
    const { host } = this;
    const waiting = host.items.filter((each) => each.state === "waiting");
    const stuck = host.items.find((each) => STUCK.includes(each.state))
      ?? (host.field.transfer === "accept" ? waiting[0] : undefined);
    if (stuck) this.#refuse(stuck);
    else {
      for (const each of waiting) host.sender.queue(each);
      for (const each of host.items) if (each.state === "paused") host.sender.queue(each);
      // If the server has it no more, the browser has the file still, as long as this page is here.
      const { oldest } = host;
      if (oldest && performance.now() - oldest.seenAt > OLD_MS) void host.sender.recall(oldest);
      if (!this.#pending.length) {
        this.#leaving = true;
        // Somebody else may keep the page where it is.
        setTimeout(() => { if (event.defaultPrevented) this.#leaving = false });
        return;
      }
      this.#waited = new Set(this.#pending);
      this.#submitter = event.submitter;
      this.go();
    }
    event.preventDefault();
    event.stopImmediatePropagation();
  }

  /** Something has changed: perhaps the form can go now, or never. */
  go(): void {
    const waited = this.#waited;
    if (!waited) return;
    for (const each of this.#pending) waited.add(each);
    const stuck = this.host.items.find((each) => waited.has(each) && [...STUCK, "rejected", "paused"].includes(each.state));
    if (stuck) {
      this.stay();
      this.#refuse(stuck);
    } else if (this.#pending.length) this.#show();
    else {
      const submitter = this.#submitter;
      this.stay();
      this.#form?.requestSubmit(submitter?.isConnected ? submitter : null);
    }
  }

  #show(): void {
    const { live, words } = this.host;
    const n = this.#pending.filter((each) => each.isPending).length;
    this.#text.textContent = n ? words.say("saving", { n }) : words.say("checking");
    if (this.node.hidden) live.say("saving", this.#text.textContent);
    this.node.hidden = false;
  }

  /** Wait no longer, and stay on the page. */
  stay(): void {
    this.#waited = null;
    this.#submitter = null;
    this.node.hidden = true;
  }

  #refuse(item: Item): void {
    const { host } = this;
    host.live.say(item.id, `${item.name}: ${[...item.errors, host.words.say("not_saved")].join(" ")}`);
    item.note = item.errors.length ? "" : host.words.say("not_saved");
    host.render();
    host.focusOn(item);
  }

  #unload(event: BeforeUnloadEvent): void {
    const half = this.host.items.some((each) => each.isPending || each.state === "waiting");
    if (!this.#leaving && (half || this.host.isChanged)) event.preventDefault();
    this.#leaving = false; // the answer may be a download, after which the page is still here
  }
}
