import { expect, test } from 'vitest';

import { valuesOf, written } from './values';

test.each([
  [undefined, []],
  ['', []],
  ['a', ['a']],
  ['a,b', ['a', 'b']],
  [
    [' a , b,', 'c', 'a'],
    ['a', 'b', 'c'],
  ],
  ['a\\,b', ['a,b']],
  ['a\\,b,c', ['a,b', 'c']],
  [
    ['a\\', 'b'],
    ['a\\', 'b'],
  ],
])('%j is the list %j', (texts, values) => {
  expect(valuesOf(texts)).toEqual(values);
});

test('what is written is read again', () => {
  const values = ['a', 'a,b', ',', ',,', 'a\\,b', 'a\\\\,b', 'a\\', '\\\\', 'a, b'];
  expect(valuesOf(written(values))).toEqual(values);
});
