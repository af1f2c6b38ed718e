import { expect, test } from 'vitest';

import { MOST_CHARACTERS, Ring, type Row } from './ring';

function row(key: number, size = 1): Row {
  return { key, size, height: 0, content: { kind: 'gap' } };
}

function keys(ring: Ring): number[] {
  return Array.from({ length: ring.length }, (_, index) => ring.at(index).key);
}

test('keeps the last, whatever comes at once', () => {
  const ring = new Ring(5);
  let key = 0;
  for (const count of [1, 3, 7, 2, 13, 1, 5]) {
    ring.push(Array.from({ length: count }, () => row((key += 1))));
    const length = Math.min(5, key);
    expect(keys(ring)).toEqual(Array.from({ length }, (_, index) => key - length + 1 + index));
  }
  expect(ring.last?.key).toBe(key);
});

test('becomes smaller, and empty', () => {
  const ring = new Ring(10);
  ring.push([1, 2, 3, 4].map((key) => row(key)));
  ring.resize(2);
  expect(keys(ring)).toEqual([3, 4]);
  ring.replaceLast(row(9));
  expect(keys(ring)).toEqual([3, 9]);
  ring.clear();
  expect(keys(ring)).toEqual([]);
  expect(ring.last).toBeUndefined();
});

test('is bounded by what is in the rows, but has one at least', () => {
  const ring = new Ring(10);
  ring.push([row(1, MOST_CHARACTERS / 2), row(2, MOST_CHARACTERS / 2), row(3, 5)]);
  expect(keys(ring)).toEqual([2, 3]);
  ring.push([row(4, 2 * MOST_CHARACTERS)]);
  expect(keys(ring)).toEqual([4]);
});
