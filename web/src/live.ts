// What is said aloud: one polite region for each widget. What happens within 750 ms is said at once, and of several
// things about one subject only the last.

const WAIT_MS = 750;

export class Live {
  private readonly waiting = new Map<string, string>();
  private timer = 0;

  constructor(private readonly region: HTMLElement) {}

  say(subject: string, text: string): void {
    this.waiting.delete(subject);
    this.waiting.set(subject, text);
    this.timer ||= window.setTimeout(() => {
      this.timer = 0;
      this.region.textContent = [...this.waiting.values()].join(". ");
      this.waiting.clear();
    }, WAIT_MS);
  }
}
