// Reordering by a grip: dragging with a mouse, a pen or a finger. Keys and buttons do the same, see cards.ts.

const ROOM = 5; // pixels that a hand may tremble before it counts as dragging

/** Follow a pointer that has gone down on the grip of `card`; `drop` is called with the card that it is to stand before. */
export function drag(event: PointerEvent, card: HTMLElement, cards: () => HTMLElement[], drop: (before: HTMLElement | null) => void): void {
  if (event.button !== 0) return;
  event.preventDefault();
  const grip = event.currentTarget as HTMLElement;
  grip.focus();
  let target: HTMLElement | null = null;
  let after = false;
  let dragging = false;
  const mark = (to: HTMLElement | null): void => {
    target?.classList.remove("greenroom-before", "greenroom-after");
    target = to;
    target?.classList.add(after ? "greenroom-after" : "greenroom-before");
  };
  const follow = (move: PointerEvent): void => {
    const [dx, dy] = [move.clientX - event.clientX, move.clientY - event.clientY];
    if (!dragging && Math.hypot(dx, dy) < ROOM) return;
    dragging = true;
    card.classList.add("greenroom-dragged");
    card.style.setProperty("transform", `translate(${dx}px, ${dy}px)`);
    const others = cards().filter((each) => each !== card);
    const over = others.find((each) => {
      const { left, right, top, bottom } = each.getBoundingClientRect();
      return move.clientX >= left && move.clientX <= right && move.clientY >= top && move.clientY <= bottom;
    });
    if (!over) return mark(null);
    const { left, width, top, height } = over.getBoundingClientRect();
    const inRows = width > 2 * height; // cards below each other, not beside each other
    const rtl = getComputedStyle(over).direction === "rtl";
    const later = inRows ? move.clientY > top + height / 2 : (move.clientX > left + width / 2) !== rtl;
    after = later;
    mark(over);
  };
  const end = (): void => {
    grip.removeEventListener("pointermove", follow);
    grip.removeEventListener("keydown", stop);
    card.classList.remove("greenroom-dragged");
    card.style.removeProperty("transform");
    const found = target;
    mark(null);
    if (found) drop(after ? nextOf(found, cards()) : found);
  };
  const stop = (key: KeyboardEvent): void => {
    if (key.key !== "Escape") return;
    mark(null);
    grip.releasePointerCapture(event.pointerId);
  };
  grip.setPointerCapture(event.pointerId);
  grip.addEventListener("pointermove", follow);
  grip.addEventListener("keydown", stop);
  grip.addEventListener("lostpointercapture", end, { once: true });
}

function nextOf(card: HTMLElement, cards: HTMLElement[]): HTMLElement | null {
  return cards[cards.indexOf(card) + 1] ?? null;
}
