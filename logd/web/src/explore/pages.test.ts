// @vitest-environment happy-dom
import { expect, test } from 'vitest';

import { forget, hitAt, placeOf, type Page } from './pages';

const page = (number: number, count = 2, units = 10): Page => ({
  cursor: number ? `c${number}` : '',
  count,
  units,
  hits: Array.from({ length: count }, (_, index) => ({ log_id: `${number}.${index}` })),
});

test('lines by their number over all pages', () => {
  const pages = [page(0), page(1, 0), page(2, 3)];
  expect([0, 1, 2, 4, 5].map((index) => hitAt(pages, index)?.log_id)).toEqual(['0.0', '0.1', '2.0', '2.2', undefined]);
});

test('what is far from what is seen is forgotten, until memory suffices', () => {
  const pages = [page(0), page(1), page(2), page(3)];
  expect(forget(pages, 3, [6, 7], 40)).toBe(pages);
  const kept = forget(pages, 3, [6, 7], 20);
  expect(kept.map(({ hits }) => hits !== undefined)).toEqual([false, false, true, true]);
  expect(kept.map(({ count, cursor }) => [count, cursor])).toEqual(pages.map(({ count, cursor }) => [count, cursor]));
  expect(placeOf(kept, 4, 7)).toBe(-1);
  expect(placeOf(kept, 3, 5)).toBe(1);
  expect(hitAt(kept, 0)).toBeUndefined();
});

test('the newest page stays, however large', () => {
  expect(forget([page(0), page(1, 2, 100)], 1, [0, 1], 20).map(({ hits }) => hits !== undefined)).toEqual([false, true]);
});
