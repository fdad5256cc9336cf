// Submitting while uploads run: the form waits for them. And the warning to whoever leaves with something unsaved.

import { button, h } from "./dom";
import type { GreenroomUpload } from "./element";
import type { Item } from "./item";

const STUCK = ["failed", "needs-reselect", "expired"];

export class Saving {
  readonly node: HTMLElement;
  private readonly text = h("span");
  private form: HTMLFormElement | null = null;
  private submitter: HTMLElement | null = null;
  /** What the form waits for, or null while it does not wait. */
  private waited: Set<Item> | null = null;
  private leaving = false;

  constructor(private readonly host: GreenroomUpload) {
    this.node = h("div", { class: "greenroom-saving", role: "status", hidden: true }, this.text,
      button(host.words.say("stay"), () => this.stay()));
  }

  listen(): void {
    this.form = this.host.internals.form;
    this.form?.addEventListener("submit", this.submitted, { capture: true });
    window.addEventListener("beforeunload", this.unload);
    window.addEventListener("pageshow", this.back);
  }

  forget(): void {
    this.form?.removeEventListener("submit", this.submitted, { capture: true });
    window.removeEventListener("beforeunload", this.unload);
    window.removeEventListener("pageshow", this.back);
  }

  private get pending(): Item[] { return this.host.items.filter((each) => each.isPending) }

  private submitted = (event: SubmitEvent): void => {
    const { host } = this;
    const waiting = host.items.filter((each) => each.state === "waiting");
    const stuck = host.items.find((each) => STUCK.includes(each.state))
      ?? (host.field.transfer === "accept" ? waiting[0] : undefined);
    if (stuck) {
      event.preventDefault();
      event.stopImmediatePropagation();
      this.refuse(stuck);
      return;
    }
    for (const each of waiting) host.sender.queue(each);
    for (const each of host.items) if (each.state === "paused") host.sender.queue(each);
    if (!this.pending.length) {
      this.leaving = true;
      // Somebody else may keep the page where it is.
      window.setTimeout(() => { if (event.defaultPrevented) this.leaving = false });
      return;
    }
    event.preventDefault();
    event.stopImmediatePropagation();
    this.waited = new Set(this.pending);
    this.submitter = event.submitter;
    this.show();
  };

  /** Something has changed: perhaps the form can go now, or never. */
  go(): void {
    const { waited } = this;
    if (!waited) return;
    for (const each of this.pending) waited.add(each);
    const stuck = this.host.items.find((each) =>
      waited.has(each) && (STUCK.includes(each.state) || each.state === "rejected"));
    if (stuck) {
      this.stay();
      this.refuse(stuck);
    } else if (this.pending.length) this.show();
    else {
      const submitter = this.submitter;
      this.stay();
      this.form?.requestSubmit(submitter?.isConnected ? submitter : null);
    }
  }

  private show(): void {
    this.node.hidden = false;
    this.text.textContent = this.host.words.say("saving", { n: this.pending.length });
  }

  /** Wait no longer, and stay on the page. */
  stay(): void {
    this.waited = null;
    this.submitter = null;
    this.node.hidden = true;
  }

  private refuse(item: Item): void {
    const { host } = this;
    host.live.say(item.id, `${item.name}: ${[...item.errors, host.words.say("not_saved")].join(" ")}`);
    item.note = item.errors.length ? "" : host.words.say("not_saved");
    host.render();
    host.focusOn(item);
  }

  private unload = (event: BeforeUnloadEvent): void => {
    const half = this.host.items.some((each) => each.isPending || each.state === "waiting");
    if (!this.leaving && (half || this.host.isChanged)) event.preventDefault();
  };

  private back = (): void => { this.leaving = false };
}
