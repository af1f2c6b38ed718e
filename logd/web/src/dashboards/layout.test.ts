import { describe, expect, test } from 'vitest';

import { added, heightOf, moved, overlap, resized, stepped, tidy, type Box, type Direction } from './layout';

const DIRECTIONS: Direction[] = ['left', 'right', 'up', 'down'];

/** Numbers that look random, the same in each run. */
function numbers(seed: number) {
  return (below: number) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((seed / 2_147_483_648) * below);
  };
}

function someBoxes(next: (below: number) => number): Box[] {
  return Array.from({ length: 1 + next(12) }, (_, at) => ({ id: `b${at}`, x: next(14) - 1, y: next(20), w: 1 + next(14), h: 1 + next(6) }));
}

function check(boxes: readonly Box[]): void {
  for (const [at, box] of boxes.entries()) {
    expect(box.x).toBeGreaterThanOrEqual(0);
    expect(box.x + box.w).toBeLessThanOrEqual(12);
    expect(box.y).toBeGreaterThanOrEqual(0);
    for (const other of boxes.slice(at + 1)) expect(overlap(box, other), `${JSON.stringify(box)} and ${JSON.stringify(other)}`).toBe(false);
    // Compact: no box could stand a row higher.
    const higher = { ...box, y: box.y - 1 };
    expect(box.y === 0 || boxes.some((other) => other.id !== box.id && overlap(higher, other))).toBe(true);
  }
}

describe('whatever one does', () => {
  test.each(Array.from({ length: 60 }, (_, seed) => seed))('nothing overlaps, leaves the grid or hangs in the air: %i', (seed) => {
    const next = numbers(seed + 1);
    let boxes = tidy(someBoxes(next));
    check(boxes);
    for (let turn = 0; turn < 30; turn += 1) {
      const id = `b${next(boxes.length)}`;
      const before = boxes.map((box) => box.id);
      const kind = next(3);
      if (kind === 0) boxes = moved(boxes, id, next(16) - 2, next(30) - 2);
      else if (kind === 1) boxes = resized(boxes, id, next(16) - 1, next(24) - 1);
      else boxes = stepped(boxes, id, DIRECTIONS[next(4)]!);
      check(boxes);
      expect(boxes.map((box) => box.id)).toEqual(before);
    }
  });
});

const TWO: Box[] = [
  { id: 'a', x: 0, y: 0, w: 6, h: 4 },
  { id: 'b', x: 0, y: 4, w: 6, h: 4 },
];

test('a step down changes places with what is below', () => {
  expect(stepped(TWO, 'a', 'down').map(({ y }) => y)).toEqual([4, 0]);
});

test('a step up changes places with what is above', () => {
  expect(stepped(TWO, 'b', 'up').map(({ y }) => y)).toEqual([4, 0]);
});

test('a step up from the top, or down from the bottom, changes nothing', () => {
  expect(stepped(TWO, 'a', 'up')).toEqual(TWO);
  expect(stepped(TWO, 'b', 'down')).toEqual(TWO);
});

test('what is moved beside another stands at the top', () => {
  expect(moved(TWO, 'b', 6, 4)[1]).toEqual({ id: 'b', x: 6, y: 0, w: 6, h: 4 });
});

test('what is dragged over half of what is below takes its place', () => {
  expect(moved(TWO, 'a', 0, 1).map(({ y }) => y)).toEqual([0, 4]);
  expect(moved(TWO, 'a', 0, 3).map(({ y }) => y)).toEqual([4, 0]);
});

test('a larger one pushes others down', () => {
  expect(resized(TWO, 'a', 12, 6).map(({ y }) => y)).toEqual([0, 6]);
});

test('what is added comes under all', () => {
  const boxes = added(TWO, { id: 'c', x: 3, y: 0, w: 12, h: 2 });
  expect(boxes[2]).toEqual({ id: 'c', x: 0, y: 8, w: 12, h: 2 });
  expect(heightOf(boxes)).toBe(10);
});
