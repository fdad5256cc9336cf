// Crops in whole pixels of the upright source. The rules of rounding are those of greenroom/images/edges.py; both
// reproduce tests/images/crop_vectors.json. What a hand does is computed in the view: the picture as it is shown,
// mirrored and then turned, whose pixels are the source's, only in other places.

export interface Size { readonly width: number; readonly height: number }
export interface Box { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
export interface Turn { readonly rot: number; readonly flip: boolean }
/** Width to height of a displayed result. */
export interface Ratio { readonly p: number; readonly q: number }

/** The stored crop, version 1. */
export interface Crop extends Box, Turn { readonly v: 1; readonly src: readonly [number, number] }

/** No whole pixels of the picture have the ratio. */
export class NoSuchBox extends Error {}

export const round = (value: number): number => Math.floor(value + 0.5);
export const clamp = (value: number, least: number, most: number): number => Math.min(Math.max(value, least), most);
const nearest = (numerator: number, denominator: number): number =>
  Math.floor((2 * numerator + denominator) / (2 * denominator));

export function parseRatio(text: string): Ratio | null {
  const match = /^(\d+):(\d+)$/.exec(text);
  return match ? { p: Number(match[1]), q: Number(match[2]) } : null;
}

/** All of a picture, as a box of it. */
export const wholeOf = ({ width: w, height: h }: Size): Box => ({ x: 0, y: 0, w, h });

export const turned = (ratio: Ratio, rot: number): Ratio => (rot % 180 ? { p: ratio.q, q: ratio.p } : ratio);

/** Whether a result of `w` x `h` pixels has the ratio, as nearly as pixels can. */
export const accepts = (ratio: Ratio, w: number, h: number): boolean =>
  2 * Math.abs(w * ratio.q - h * ratio.p) <= Math.max(ratio.p, ratio.q);

const heightFor = (ratio: Ratio, w: number): number => Math.max(1, nearest(w * ratio.q, ratio.p));
const widthFor = (ratio: Ratio, h: number): number => Math.max(1, nearest(h * ratio.p, ratio.q));

/** The width nearest to `w` for which whole pixels within the room have the ratio, and its height. */
export function withRatio(ratio: Ratio, w: number, roomW: number, roomH: number): [number, number] {
  let width = clamp(w, 1, roomW);
  const height = Math.min(heightFor(ratio, width), roomH);
  if (!accepts(ratio, width, height)) width = Math.min(widthFor(ratio, height), roomW);
  if (!accepts(ratio, width, height)) throw new NoSuchBox();
  return [width, height];
}

function span(near: number, far: number, size: number): [number, number] {
  const start = clamp(round(near), 0, size - 1);
  return [start, clamp(round(far), start + 1, size)];
}

/** Whole pixels for four edges with fractions; `ratio` is of the displayed result, after the turn by `rot`. */
export function roundEdges(
  size: Size, left: number, top: number, right: number, bottom: number, ratio: Ratio | null = null, rot = 0,
): Box {
  let [x, farX] = span(left, right, size.width);
  let [y, farY] = span(top, bottom, size.height);
  let [w, h] = [farX - x, farY - y];
  if (ratio) {
    [w, h] = withRatio(turned(ratio, rot), w, size.width, size.height);
    [x, y] = [Math.min(x, size.width - w), Math.min(y, size.height - h)];
  }
  return { x, y, w, h };
}

/** The largest centred box of the ratio; an odd pixel of margin goes to the right or below. */
export function largest(size: Size, ratio: Ratio | null = null, rot = 0): Box {
  let [w, h] = [size.width, size.height];
  if (ratio) [w, h] = withRatio(turned(ratio, rot), w, w, h);
  return { x: Math.floor((size.width - w) / 2), y: Math.floor((size.height - h) / 2), w, h };
}

/** Width and height at (x, y) of which one was given; the other follows from the ratio, within the room there is. */
export function dependentSide(
  size: Size, ratio: Ratio, at: { x: number; y: number; w?: number | null; h?: number | null; rot?: number },
): [number, number] {
  const [roomW, roomH] = [size.width - at.x, size.height - at.y];
  if (at.x < 0 || at.y < 0 || Math.min(roomW, roomH) < 1) throw new NoSuchBox();
  const shape = turned(ratio, at.rot ?? 0);
  if (at.w != null) return withRatio(shape, at.w, roomW, roomH);
  const [h, w] = withRatio({ p: shape.q, q: shape.p }, at.h ?? 1, roomH, roomW);
  return [w, h];
}

// -- the view ----------------------------------------------------------------------------------------

export const viewSize = (size: Size, turn: Turn): Size =>
  turn.rot % 180 ? { width: size.height, height: size.width } : size;

/** Where a box of the source is seen: mirrored, then turned clockwise. Exact for whole numbers. */
export function toView(size: Size, box: Box, turn: Turn): Box {
  const x = turn.flip ? size.width - box.x - box.w : box.x;
  const right = size.width - x - box.w;
  const below = size.height - box.y - box.h;
  switch (turn.rot) {
    case 90: return { x: below, y: x, w: box.h, h: box.w };
    case 180: return { x: right, y: below, w: box.w, h: box.h };
    case 270: return { x: box.y, y: right, w: box.h, h: box.w };
    default: return { x, y: box.y, w: box.w, h: box.h };
  }
}

/** The inverse of `toView`. */
export function toSource(size: Size, box: Box, turn: Turn): Box {
  const seen = viewSize(size, turn);
  const back = toView(seen, box, { rot: (360 - turn.rot) % 360, flip: false });
  return turn.flip ? { ...back, x: size.width - back.x - back.w } : back;
}

export const cropOf = (size: Size, seen: Box, turn: Turn): Crop => ({
  v: 1, src: [size.width, size.height], ...toSource(size, seen, turn), rot: turn.rot, flip: turn.flip,
});

/** Width and height of what a crop shows. */
export const resultSize = (crop: Box & Turn): [number, number] =>
  crop.rot % 180 ? [crop.h, crop.w] : [crop.w, crop.h];

/** For addresses, as `Crop.compact` writes it. */
export const compact = (crop: Crop): string =>
  [...crop.src, crop.x, crop.y, crop.w, crop.h, crop.rot, +crop.flip].join("-");

// -- what a hand does to a box of the view -------------------------------------------------------------

export const moved = (size: Size, box: Box, dx: number, dy: number): Box => ({
  ...box,
  x: clamp(round(box.x + dx), 0, size.width - box.w),
  y: clamp(round(box.y + dy), 0, size.height - box.h),
});

export const centred = (size: Size, box: Box, x: number, y: number): Box =>
  moved(size, { ...box, x: 0, y: 0 }, x - box.w / 2, y - box.h / 2);

/**
 * Drag a handle ("n", "se", ...) by (dx, dy). The edges that it does not touch stay where they are; with a ratio
 * the opposite corner stays, or the middle of the opposite edge as far as there is room.
 */
export function resized(size: Size, box: Box, handle: string, dx: number, dy: number, ratio: Ratio | null): Box {
  const [west, north] = [handle.includes("w"), handle.includes("n")];
  const [sideways, upright] = [west || handle.includes("e"), north || handle.includes("s")];
  const [right, bottom] = [box.x + box.w, box.y + box.h];
  const wishW = sideways ? box.w + (west ? -dx : dx) : box.w;
  const wishH = upright ? box.h + (north ? -dy : dy) : box.h;
  if (!ratio) {
    const x = west ? clamp(round(right - wishW), 0, right - 1) : box.x;
    const y = north ? clamp(round(bottom - wishH), 0, bottom - 1) : box.y;
    return {
      x, y,
      w: sideways ? (west ? right - x : clamp(round(wishW), 1, size.width - x)) : box.w,
      h: upright ? (north ? bottom - y : clamp(round(wishH), 1, size.height - y)) : box.h,
    };
  }
  const roomW = sideways ? (west ? right : size.width - box.x) : size.width;
  const roomH = upright ? (north ? bottom : size.height - box.y) : size.height;
  // A corner follows whichever side the hand has pulled further.
  const width = !sideways ? wishH * ratio.p / ratio.q
    : !upright ? wishW : Math.max(wishW, wishH * ratio.p / ratio.q);
  const [w, h] = tried(ratio, round(width), roomW, roomH) ?? [box.w, box.h];
  return {
    x: sideways ? (west ? right - w : box.x) : clamp(round(box.x + (box.w - w) / 2), 0, size.width - w),
    y: upright ? (north ? bottom - h : box.y) : clamp(round(box.y + (box.h - h) / 2), 0, size.height - h),
    w, h,
  };
}

function tried(ratio: Ratio, w: number, roomW: number, roomH: number): [number, number] | null {
  try {
    return withRatio(ratio, w, roomW, roomH);
  } catch {
    return null; // so small a box of this shape does not exist
  }
}

/** The box of `ratio` around the same middle, of about the same width, inside the picture. */
export function fitted(size: Size, box: Box, ratio: Ratio | null, w: number = box.w): Box {
  const scale = w / box.w;
  const [width, height] = ratio
    ? withRatio(ratio, round(w), size.width, size.height)
    : [clamp(round(w), 1, size.width), clamp(round(box.h * scale), 1, size.height)];
  const sized = { x: 0, y: 0, w: width, h: height };
  return centred(size, sized, box.x + box.w / 2, box.y + box.h / 2);
}
