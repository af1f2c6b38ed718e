import { expect, test } from 'vitest';

import { Rates } from './rates';

test('lines by second and level', () => {
  const rates = new Rates();
  rates.add('ERROR', 100_000, 3);
  rates.add('NOTICE', 100_900);
  rates.add(null, 101_000);
  const past = rates.past(102_500);
  expect(past).toHaveLength(60);
  expect(past.at(-1)).toEqual([0, 0, 0, 0, 0, 0, 1]);
  expect(past.at(-2)).toEqual([0, 3, 0, 0, 0, 0, 1]);
  expect(rates.perSecond(102_500)).toBe(1);
});

test('what is longer ago than a minute is forgotten, also when nothing came', () => {
  const rates = new Rates();
  rates.add('INFO', 100_000, 7);
  expect(rates.past(160_000)[0]).toEqual([0, 0, 0, 7, 0, 0, 0]);
  expect(rates.past(161_000).flat().some(Boolean)).toBe(false);
  rates.add('INFO', 900_000);
  expect(rates.past(901_000).flat().filter(Boolean)).toEqual([1]);
});
