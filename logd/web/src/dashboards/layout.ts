/** Where panels stand: a grid of 12 columns in which nothing overlaps and nothing could stand higher. Pure. */

import { COLUMNS, MOST_ROWS_OF_ONE } from './document';

export interface Box {
  id: string;
  x: number;
  y: number;
  w: number;
  h: number;
}

export type Direction = 'left' | 'right' | 'up' | 'down';

/** Smaller ones can't be read. */
const LEAST_W = 2;
const LEAST_H = 2;

/** The same boxes, in their order, each as high as those before it, by row and column, let it be. */
export function tidy<B extends Box>(boxes: readonly B[]): B[] {
  return packed(boxes, byPlace(boxes.map(within)));
}

/** One of them stands there, or as near as it goes; others make room downwards. */
export function moved<B extends Box>(boxes: readonly B[], id: string, x: number, y: number): B[] {
  const before = boxes.find((box) => box.id === id);
  if (!before) return [...boxes];
  const box = within({ ...before, x: Math.round(x), y: Math.max(0, Math.round(y)) });
  const others = byPlace(boxes.filter((one) => one.id !== id).map(within));
  // Upwards it takes a place as soon as it reaches it; downwards once it has passed half of what is in its way.
  const isDown = box.y > before.y;
  const edge = isDown ? box.y + box.h : box.y;
  const first = others.findIndex((one) => (isDown ? one.y + one.h / 2 >= edge : one.y >= edge));
  others.splice(first < 0 ? others.length : first, 0, box);
  return packed(boxes, others);
}

/** One of them is so large, within the grid; others make room downwards. */
export function resized<B extends Box>(boxes: readonly B[], id: string, w: number, h: number): B[] {
  const sized = boxes.map((box) => {
    if (box.id !== id) return within(box);
    const least = Math.min(LEAST_W, COLUMNS - box.x);
    return { ...box, w: clamp(Math.round(w), least, COLUMNS - box.x), h: clamp(Math.round(h), LEAST_H, MOST_ROWS_OF_ONE) };
  });
  return packed(boxes, byPlace(sized));
}

/** A step by the keyboard: the nearest place in that direction that is another one. */
export function stepped<B extends Box>(boxes: readonly B[], id: string, to: Direction): B[] {
  const box = boxes.find((one) => one.id === id);
  if (!box) return [...boxes];
  if (to === 'left' || to === 'right') return moved(boxes, id, box.x + (to === 'left' ? -1 : 1), box.y);
  const bottom = heightOf(boxes) + box.h;
  for (let y = box.y; to === 'up' ? y > 0 : y < bottom; ) {
    y += to === 'up' ? -1 : 1;
    const found = moved(boxes, id, box.x, y);
    if (found.find((one) => one.id === id)!.y !== box.y) return found;
  }
  return [...boxes];
}

/** Under all of them, at the left. */
export function added<B extends Box>(boxes: readonly B[], box: B): B[] {
  return tidy([...boxes, { ...box, x: 0, y: heightOf(boxes) }]);
}

/** How many rows there are. */
export function heightOf(boxes: readonly Box[]): number {
  return boxes.reduce((most, { y, h }) => Math.max(most, y + h), 0);
}

export function overlap(a: Box, b: Box): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}

/** Puts one after another as high as those that were put before it let it. */
function packed<B extends Box>(boxes: readonly B[], order: readonly Box[]): B[] {
  const heights = new Array<number>(COLUMNS).fill(0);
  const places = new Map<string, Box>();
  for (const { id, x, w, h } of order) {
    const y = Math.max(...heights.slice(x, x + w));
    heights.fill(y + h, x, x + w);
    places.set(id, { id, x, y, w, h });
  }
  return boxes.map((box) => ({ ...box, ...places.get(box.id) }));
}

function byPlace<B extends Box>(boxes: readonly B[]): B[] {
  return boxes.toSorted((a, b) => a.y - b.y || a.x - b.x);
}

function within<B extends Box>(box: B): B {
  const w = clamp(Math.round(box.w), 1, COLUMNS);
  return { ...box, w, x: clamp(Math.round(box.x), 0, COLUMNS - w), h: clamp(Math.round(box.h), 1, MOST_ROWS_OF_ONE) };
}

function clamp(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(most, value));
}
