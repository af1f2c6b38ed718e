import { expect, test } from 'vitest';

import { bytesText, countText, shareText, valueText } from './numbers';

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1_000, '1.0 kB'],
  [12_345_678, '12 MB'],
  [5e18, '5000 PB'],
])('%d bytes', (bytes, text) => {
  expect(bytesText(bytes)).toBe(text);
});

test('counts are whole, values have four digits', () => {
  expect(countText(12345)).toBe('12,345');
  expect(valueText(0.123456)).toBe('0.1235');
  expect(valueText(null)).toBe('–');
  expect(shareText(0.0123)).toBe('1.2 %');
});
