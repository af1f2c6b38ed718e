import { expect, test } from 'vitest';

import { blocks, cut, escaped, pieces, units } from './visible';

test.each([
  ['plain', 'plain'],
  ['\x1b[31mred', '\\x1b[31mred'],
  ['a\0b', 'a\\x00b'],
  ['\u202egnp.exe\u202c', '\\u202egnp.exe\\u202c'],
  ['\u2066x\u2069 \u200b \ufeff', '\\u2066x\\u2069 \\u200b \\ufeff'],
  ['tab\tstays, é 😀 👩‍👩‍👧 too', 'tab\tstays, é 😀 👩‍👩‍👧 too'],
  ['\r\x7f\x85\u2028', '\\r\\x7f\\x85\\u2028'],
  ['\ud800 alone \udc00', '\\ud800 alone \\udc00'],
  ['tag \u{e0041}', 'tag \\u{e0041}'],
  ['a\nb', 'a\nb'],
])('%j is seen as %j', (text, seen) => {
  expect(escaped(text)).toBe(seen);
});

test('in one line, newlines are escapes', () => {
  expect(escaped('a\nb\r\n', { line: true })).toBe('a\\nb\\r\\n');
});

test('ranges are of code points', () => {
  expect(units('emoji 😀😀 timeout', [[9, 16]])).toEqual([[11, 18]]);
  expect(pieces('emoji 😀😀 timeout 😀 x', [[9, 16]])).toEqual([
    { text: 'emoji 😀😀 ', kind: 'text' },
    { text: 'timeout', kind: 'mark' },
    { text: ' 😀 x', kind: 'text' },
  ]);
});

test('escapes within marks, and marks beside each other', () => {
  expect(pieces('a\x1bbc', [[0, 2], [2, 3]])).toEqual([
    { text: 'a', kind: 'mark' },
    { text: '\\x1b', kind: 'escape' },
    { text: 'b', kind: 'mark' },
    { text: 'c', kind: 'text' },
  ]);
});

test('ranges behind the end of a text that is cut aren’t shown', () => {
  expect(pieces('abc', [[1, 2], [2, 9]])).toEqual([
    { text: 'a', kind: 'text' },
    { text: 'b', kind: 'mark' },
    { text: 'c', kind: 'text' },
  ]);
  expect(units('😀', [[0, 1], [5, 6]])).toEqual([[0, 2]]);
});

test('a megabyte of controls makes few pieces, and loses nothing', () => {
  const found = pieces('\x1b'.repeat(1_000_000));
  expect(found.length).toBeLessThan(2_100);
  expect(found.map(({ text }) => text).join('')).toBe('\\x1b'.repeat(1_000_000));
});

test('a cut leaves no half of a character', () => {
  expect(cut('a😀b', 2)).toBe('a');
  expect(cut('a😀b', 3)).toBe('a😀');
  expect(cut('ab', 5)).toBe('ab');
});

test('a long text is laid out in blocks, at newlines where there are some', () => {
  const textsOf = (text: string, spans: number[][] = []) => blocks(pieces(text, spans), 6).map((block) => block.map((piece) => piece.text).join(''));
  expect(textsOf('abc\ndefg\nh')).toEqual(['abc', 'defg\nh']);
  expect(textsOf('abcdefghij😀k')).toEqual(['abcdef', 'ghij😀', 'k']);
  expect(textsOf('abcdefgh', [[2, 8]])).toEqual(['abcdef', 'gh']);
  expect(textsOf('abcd\x1b\u202e')).toEqual(['abcd', '\\x1b', '\\u202e']);
  expect(textsOf('\u{e0041}x')).toEqual(['\\u{e0041}', 'x']);
  expect(blocks(pieces('short'))).toEqual([[{ text: 'short', kind: 'text' }]]);
});
