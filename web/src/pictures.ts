// Pictures on canvases. The local one is decoded by createImageBitmap, which puts it upright; an <img> with an
// orientation is never drawn in parts, since browsers do not agree in which space its source rectangle is.

import type { Box, Turn } from "./geometry";

/** A picture that stands upright, with its size in its own pixels. */
export type Upright = ImageBitmap | HTMLCanvasElement | HTMLImageElement;

/** The person's own picture, upright; null if this browser cannot decode it. */
export async function decode(file: File): Promise<ImageBitmap | null> {
  try {
    return await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    return null;
  }
}

/**
 * Draw the part `box` of a picture, mirrored and then turned, so that it fills the canvas, which is empty. `box` is in pixels of
 * `size`, of which `picture` may be a smaller copy. Without scaling every pixel stays what it is.
 */
export function drawPart(
  canvas: HTMLCanvasElement, picture: Upright, size: { width: number; height: number }, box: Box, turn: Turn,
): void {
  const context = canvas.getContext("2d")!;
  const [scaleX, scaleY] = [picture.width / size.width, picture.height / size.height];
  const { width, height } = canvas;
  const [w, h] = turn.rot % 180 ? [height, width] : [width, height];
  context.imageSmoothingQuality = "high";
  context.imageSmoothingEnabled = w !== box.w * scaleX || h !== box.h * scaleY;
  // Quarter turns as whole numbers: Math.cos of a right angle is not quite zero, and would smooth every pixel.
  const [a, b] = { 0: [1, 0], 90: [0, 1], 180: [-1, 0], 270: [0, -1] }[turn.rot] as [number, number];
  const mirror = turn.flip ? -1 : 1;
  context.setTransform(a * mirror, b * mirror, -b, a, width / 2, height / 2);
  context.drawImage(picture, box.x * scaleX, box.y * scaleY, box.w * scaleX, box.h * scaleY, -w / 2, -h / 2, w, h);
}

/** The size of a result, made to fit into a square of `most` pixels and never enlarged. */
export function within(width: number, height: number, most: number): [number, number] {
  const scale = Math.min(1, most / Math.max(width, height));
  return [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
}
