import { describe, expect, it } from "vitest";
import vectors from "../../tests/images/crop_vectors.json";
import {
  accepts, centred, compact, cropOf, dependentSide, fitted, largest, moved, NoSuchBox, parseRatio, resized, roundEdges,
  type Size, toSource, toView, viewSize,
} from "../src/geometry";

const sizeOf = (src: number[]): Size => ({ width: src[0]!, height: src[1]! });
const four = (box: { x: number; y: number; w: number; h: number }) => [box.x, box.y, box.w, box.h];
const attempt = <Value>(job: () => Value): Value | null => {
  try {
    return job();
  } catch (error) {
    expect(error).toBeInstanceOf(NoSuchBox);
    return null;
  }
};

describe("the table that Python reproduces as well", () => {
  it.each(vectors.round_edges.map((each) => [each.why, each] as const))("%s", (_why, each) => {
    const [left, top, right, bottom] = each.edges as [number, number, number, number];
    const ratio = each.ratio ? parseRatio(each.ratio) : null;
    const found = attempt(() => roundEdges(sizeOf(each.src), left, top, right, bottom, ratio, each.rot));
    expect(found && four(found)).toEqual(each.crop);
  });

  it.each(vectors.largest.map((each, at) => [at, each] as const))("largest %i", (_at, each) => {
    const found = attempt(() => largest(sizeOf(each.src), each.ratio ? parseRatio(each.ratio) : null, each.rot));
    expect(found && four(found)).toEqual(each.crop);
  });

  it.each(vectors.dependent_side.map((each, at) => [at, each] as const))("dependent side %i", (_at, each) => {
    expect(attempt(() => dependentSide(sizeOf(each.src), parseRatio(each.ratio)!, each))).toEqual(each.size);
  });
});

const SIZE = { width: 37, height: 23 };
const TURNS = [0, 90, 180, 270].flatMap((rot) => [false, true].map((flip) => ({ rot, flip })));

describe("the view", () => {
  it.each(TURNS)("shows each pixel where crop, mirror, turn put it: %o", (turn) => {
    for (let y = 0; y < SIZE.height; y += 1) {
      for (let x = 0; x < SIZE.width; x += 1) {
        // Written down independently: mirror left and right, then turn clockwise.
        const [a, b] = [turn.flip ? SIZE.width - 1 - x : x, y];
        const [u, v] = { 0: [a, b], 90: [SIZE.height - 1 - b, a], 180: [SIZE.width - 1 - a, SIZE.height - 1 - b],
          270: [b, SIZE.width - 1 - a] }[turn.rot] as [number, number];
        expect(toView(SIZE, { x, y, w: 1, h: 1 }, turn)).toEqual({ x: u, y: v, w: 1, h: 1 });
      }
    }
  });

  it.each(TURNS)("and back: %o", (turn) => {
    const box = { x: 3, y: 5, w: 20, h: 11 };
    expect(toSource(SIZE, toView(SIZE, box, turn), turn)).toEqual(box);
    expect(compact(cropOf(SIZE, toView(SIZE, box, turn), turn))).toBe(`37-23-3-5-20-11-${turn.rot}-${Number(turn.flip)}`);
  });
});

describe("what a hand does", () => {
  const ratio = { p: 4, q: 3 };
  const box = { x: 400, y: 300, w: 400, h: 300 };
  const size = { width: 1200, height: 900 };
  const HANDLES = ["n", "ne", "e", "se", "s", "sw", "w", "nw"];

  it("keeps the box inside and of its size when it is moved", () => {
    expect(moved(size, box, 5000, -5000)).toEqual({ ...box, x: 800, y: 0 });
    expect(centred(size, box, 600.2, 450)).toEqual({ ...box, x: 400, y: 300 });
  });

  it.each(HANDLES)("%s moves no edge that it does not touch", (handle) => {
    const after = resized(size, box, handle, 37.4, -20.6, null);
    if (!handle.includes("w")) expect(after.x).toBe(box.x);
    if (!handle.includes("n")) expect(after.y).toBe(box.y);
    if (!handle.includes("e")) expect(after.x + after.w).toBe(box.x + box.w);
    if (!handle.includes("s")) expect(after.y + after.h).toBe(box.y + box.h);
  });

  it.each(HANDLES)("%s keeps the ratio, the picture and the opposite corner", (handle) => {
    for (const [dx, dy] of [[31.7, 12.2], [-300, -299], [5000, 5000], [-5000, 5000], [0.4, -0.4]] as const) {
      const after = resized(size, box, handle, dx, dy, ratio);
      expect(accepts(ratio, after.w, after.h)).toBe(true);
      expect(after.x).toBeGreaterThanOrEqual(0);
      expect(after.y).toBeGreaterThanOrEqual(0);
      expect(after.x + after.w).toBeLessThanOrEqual(size.width);
      expect(after.y + after.h).toBeLessThanOrEqual(size.height);
      if (handle.includes("w")) expect(after.x + after.w).toBe(800);
      if (handle.includes("e")) expect(after.x).toBe(400);
      if (handle.includes("n")) expect(after.y + after.h).toBe(600);
      if (handle.includes("s")) expect(after.y).toBe(300);
    }
  });

  it("fits another ratio around the same middle", () => {
    expect(fitted(size, box, { p: 1, q: 1 })).toEqual({ x: 400, y: 250, w: 400, h: 400 });
    expect(fitted(size, box, null, 200)).toEqual({ x: 500, y: 375, w: 200, h: 150 });
    expect(viewSize(size, { rot: 90, flip: false })).toEqual({ width: 900, height: 1200 });
  });
});
