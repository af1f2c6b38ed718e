import { describe, expect, test } from 'vitest';

import { offsetOf, tokensOf } from './query_tokens';

const shape = (text: string) => tokensOf(text).map(({ kind, from, to }) => `${kind} ${text.slice(from, to)}`);

describe('tokens', () => {
  test.each([
    ['a AND b', ['term a', 'and AND', 'term b']],
    ['!a && +b || -c', ['not !', 'term a', 'and &&', 'must +', 'term b', 'or ||', 'mustNot -', 'term c']],
    ['--verbose a - b x-y', ['term --verbose', 'term a', 'term -', 'term b', 'term x-y']],
    ['level:ERROR', ['field level:', 'term ERROR']],
    ['10:00:01 http://a/b std::vector C:\\x aa:bb:cc', ['term 10:00:01', 'term http://a/b', 'term std::vector', 'term C:\\x', 'term aa:bb:cc']],
    ['f:(a OR "b c"~2)^2', ['field f:', 'open (', 'term a', 'or OR', 'phrase "b c"~2', 'close )^2']],
    ['ms:[1 TO 5} x:>=5', ['field ms:', 'range [1 TO 5}', 'field x:', 'range >=5']],
    ['/ti.*e/ /var/log/x/', ['regex /ti.*e/', 'term /var/log/x/']],
    ['message.raw:/took ms/', ['field message.raw:', 'regex /took ms/']],
    ['wi\\ th:1', ['field wi\\ th:', 'term 1']],
    ['f:AND', ['field f:', 'term AND']],
    ['"open', ['phrase "open']],
  ])('%s', (text, tokens) => expect(shape(text)).toEqual(tokens));

  test('anything ends', () => {
    for (const text of ['\\', ':', 'a:', '"\\', 'f:[1 TO', '((((', '))))', 'f:>', 'f:/a', 'message.raw:/', '😀:x', '\\\\:']) {
      const tokens = tokensOf(text);
      expect(tokens.at(-1)!.to).toBe(text.length);
    }
  });

  test('a long one doesn’t take long', () => {
    const began = performance.now();
    tokensOf('a:"b c" AND ('.repeat(2_500));
    tokensOf('['.repeat(32_000));
    tokensOf('/'.repeat(32_000));
    expect(performance.now() - began).toBeLessThan(2_000);
  });
});

test('a column counts characters, not their halves', () => {
  expect(offsetOf('😀 a', 3)).toBe(3);
  expect(offsetOf('abc', 2)).toBe(1);
  expect(offsetOf('abc', 9)).toBe(3);
});
