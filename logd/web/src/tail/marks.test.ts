import { expect, test } from 'vitest';

import { piecesWith } from '../parts/visible';
import { markerOf } from './marks';

function marked(q: string, text: string): string[] {
  return piecesWith(text, markerOf(q))
    .filter(({ kind }) => kind === 'mark')
    .map(({ text: found }) => found);
}

test.each([
  ['timeout', 'Timeout after timeouts, timeout! timeout_ms', ['Timeout', 'timeout']],
  ['"disk full" OR oom', 'disk  full; OOM', ['disk  full', 'OOM']],
  ['"Disk full" "a b"~2', 'DISK/full a x b a x y z b', ['DISK/full', 'a x b']],
  ['time* AND NOT debug', 'timeouts debug', ['timeouts']],
  ['wo?d *out', 'word woood time-out timeouts', ['word', 'out']],
  ['10.0.3.*', 'from 10.0.3.17 to 10.0.4.1', ['10.0.3.17']],
  ['message:deadline service:api', 'deadline of api', ['deadline']],
  ['message:(a OR "b c") service:(x y)', 'a b c x y', ['a', 'b c']],
  ['NOT (a b) -c !d +e', 'a b c d e', ['e']],
  ['level:ERROR ms:>5 ms:[1 TO 5]', 'ERROR 5 1', []],
  ['out', 'timeout out outer', ['out']],
  ['a.b-c (x)', 'aXb a.b-c x', ['a.b-c', 'x']],
  ['/time.{3}/', 'Timeout, timeouts time-out', ['Timeout']],
  ['/[a-z]+[0-9]{2,}/ /x|y/', 'web12 web1 12 x', ['web12', 'x']],
  ['message.raw:/took [0-9]+ ms/', 'took 12 ms, Took 13 ms', ['took 12 ms']],
  ['message.raw:/a.*z/', `a${'b'.repeat(500)}z`, [`a${'b'.repeat(500)}z`]],
  ['message.raw:/\\/v1\\/(users|carts)\\/\\d+/', 'GET /v1/users/17 HTTP', ['/v1/users/17']],
  ['message.raw:/\\"id\\":\\s?7/', '{"id": 7}', ['"id": 7']],
  ['message.raw:"a-b" message.raw:C:\\\\x', 'xa-by A-B C:\\x', ['a-b', 'C:\\x']],
  ['word~1 a^2 "b c"^3', 'word ward a b c', ['word', 'a', 'b c']],
  ['错误 abc', '发生错误了abc错', ['错误', 'abc']],
  ['a\\*b', 'a*b axb', ['a*b']],
  ['*', 'anything', []],
  ['', 'anything', []],
  ['ünï', 'x ünï', ['ünï']],
  ['time* timeouts', 'timeouts', ['timeouts']],
])('%s in %s', (q, text, found) => {
  expect(marked(q, text)).toEqual(found);
});

test.each(['(?i)a', 'a[[:alpha:]]b', '(a+)+b', '(a|aa)*b', 'a.*b.*c.*d', '\\pL', '(?P<x>a)', '[a', 'a)', '\\Qa\\E'])(
  'an expression that means something else here, or may take for ever, isn’t tried: %s',
  (expression) => {
    expect(markerOf(`message.raw:/${expression}/`)).toBeUndefined();
  },
);

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

test.each(['*a*a*a*a*a*a*a*a*b', '*a*a*b', '*****a*****b', '/a*a*b/', 'message.raw:/a*b/', 'message.raw:/a+.*b/', '"a a"~20', 'message.raw:/(a{1,9}){5}b/'])(
  'a text that is hard for it holds nothing up: %s',
  (q) => {
    const marker = markerOf(q);
    const began = performance.now();
    for (const text of ['a'.repeat(20_000), 'a '.repeat(10_000)]) marker?.(text);
    expect(performance.now() - began).toBeLessThan(1_000);
  },
);

test('an expression that is slow again and again is given up', () => {
  const marker = markerOf('message.raw:/a+a*b/')!;
  const began = performance.now();
  for (let line = 0; line < 1_000; line += 1) marker('a'.repeat(4_000));
  expect(performance.now() - began).toBeLessThan(1_000);
});

test('40 lines of 500 characters take no time', () => {
  const line = 'GET /v1/users/17 took 12 ms, 10.0.3.17 timeout: connection reset by peer '.repeat(7);
  const marker = markerOf('timeout "connection reset" time* 10.0.3.* /[a-z]+s/ message.raw:/took [0-9]+ ms/')!;
  const began = performance.now();
  for (let number = 0; number < 40; number += 1) expect(marker(line)).toHaveLength(7 * 5);
  expect(performance.now() - began).toBeLessThan(500);
});
