import { expect, test } from 'vitest';

import { piecesWith } from '../parts/visible';
import { wordsOf } from './words';

function marked(q: string, text: string): string[] {
  return piecesWith(text, wordsOf(q))
    .filter(({ kind }) => kind === 'mark')
    .map(({ text: found }) => found);
}

test.each([
  ['timeout', 'Timeout after timeouts, timeout!', ['Timeout', 'timeout']],
  ['"disk full" OR oom', 'disk  full; OOM', ['disk  full', 'OOM']],
  ['time* AND NOT debug', 'timeouts debug', ['timeouts']],
  ['message:deadline service:api', 'deadline of api', ['deadline']],
  ['level:ERROR', 'ERROR', []],
  ['a.b-c (x)', 'aXb a.b-c x', ['a.b-c', 'x']],
  ['', 'anything', []],
  ['ünï', 'x ünï', ['ünï']],
])('%s in %s', (q, text, found) => {
  expect(marked(q, text)).toEqual(found);
});

test('what isn’t seen is written as an escape', () => {
  expect(piecesWith('a\u001b[0m\u202eb\n', undefined)).toEqual([
    { text: 'a', kind: 'text' },
    { text: '\\x1b', kind: 'escape' },
    { text: '[0m', kind: 'text' },
    { text: '\\u202e', kind: 'escape' },
    { text: 'b', kind: 'text' },
    { text: '\\n', kind: 'escape' },
  ]);
});

test('a query of many wildcards holds nothing up', () => {
  const text = 'a'.repeat(20_000);
  for (const q of ['*a*a*a*a*a*a*a*a*b', '*a*a*b', '*****a*****b']) {
    const began = performance.now();
    [...text.matchAll(wordsOf(q) ?? /^$/g)];
    expect(performance.now() - began).toBeLessThan(1_000);
  }
  expect('timeouts'.match(wordsOf('time**s')!)?.[0]).toBe('timeouts');
});
