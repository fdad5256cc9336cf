// Reordering by a grip: dragging with a mouse, a pen or a finger. Keys and buttons do the same, see cards.ts.

const ROOM = 5; // pixels that a hand may tremble before it counts as dragging
const EDGE = 50; // pixels from the window's edge in which the page moves along

/** Follow a pointer that has gone down on the grip of `card`; `drop` is called with the card that it is to stand before. */
export function drag(event: PointerEvent, card: HTMLElement, cards: () => HTMLElement[], drop: (before: HTMLElement | null) => void): void {
  if (event.button !== 0) return;
  event.preventDefault();
  const grip = event.currentTarget as HTMLElement;
  grip.focus();
  const dragging = new AbortController();
  const { signal } = dragging;
  const scrolled = scrollY;
  const column = card.matches(".greenroom-plain"); // pictures stand beside each other
  let last = event;
  let frame = 0;
  let target: HTMLElement | null = null;
  let after = false;
  const mark = (to: HTMLElement | null): void => {
    target?.classList.remove("greenroom-before", "greenroom-after");
    target = to;
    target?.classList.add(after ? "greenroom-after" : "greenroom-before");
  };
  const show = (): void => {
    cancelAnimationFrame(frame); // called out of turn it takes the place of what was asked for: one at a time can be stopped
    frame = requestAnimationFrame(show);
    const { clientX: x, clientY: y } = last;
    scrollBy(0, Math.min(0, y - EDGE) / 4 + Math.max(0, y - innerHeight + EDGE) / 4);
    const [dx, dy] = [x - event.clientX, y - event.clientY + scrollY - scrolled];
    card.classList.add("greenroom-dragged");
    card.style.setProperty("transform", `translate(${dx}px, ${dy}px)`);
    const far = (each: HTMLElement): number => {
      const { left, right, top, bottom } = each.getBoundingClientRect();
      const [u, v] = each === card ? [x + dx, y + dy] : [x, y]; // its own place is where it was
      return Math.hypot(Math.max(left - u, 0, u - right), Math.max(top - v, 0, v - bottom));
    };
    const over = cards().reduce((best, each) => (far(each) < far(best) ? each : best));
    if (over === card) return mark(null);
    const { left, width, top, height } = over.getBoundingClientRect();
    after = column ? y > top + height / 2
      : y > top + height || (y >= top && (x > left + width / 2) !== (getComputedStyle(card).direction === "rtl"));
    mark(over);
  };
  const follow = (move: PointerEvent): void => {
    last = move;
    if (!frame && Math.hypot(move.clientX - event.clientX, move.clientY - event.clientY) >= ROOM) show();
  };
  const end = (): void => {
    dragging.abort();
    if (frame) show(); // where the hand was last, whether or not a picture of that was drawn
    cancelAnimationFrame(frame);
    card.classList.remove("greenroom-dragged");
    card.style.removeProperty("transform");
    const found = target;
    mark(null);
    if (found) drop(after ? cards()[cards().indexOf(found) + 1] ?? null : found);
  };
  const stop = (key: KeyboardEvent): void => {
    if (key.key !== "Escape") return;
    cancelAnimationFrame(frame);
    frame = 0;
    mark(null);
    grip.releasePointerCapture(event.pointerId);
  };
  grip.setPointerCapture(event.pointerId);
  grip.addEventListener("pointermove", follow, { signal });
  grip.addEventListener("keydown", stop, { signal });
  grip.addEventListener("lostpointercapture", end, { once: true });
}
