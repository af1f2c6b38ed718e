// @vitest-environment happy-dom
import { expect, test } from 'vitest';

import { asOneQuery, patternQuery } from './terms';

test.each([
  ['Failed password for <*> from <*> port <*> ssh2', '"Failed password for" AND "from" AND "port" AND "ssh2"'],
  ['<*> <*>', '*'],
  ['took=<*>ms by "x\\y" <*>', '"by \\"x\\\\y\\""'],
  ['a <*> a', '"a"'],
  ['-- <*> ok', '"ok"'],
  ['blk_<*> is gone', '"is gone"'],
])('the pattern %s', (template, query) => {
  expect(patternQuery(template)).toBe(query);
});

test('all filters in one query', () => {
  const nothing = { service: [], level: [], host: [] };
  expect(asOneQuery({ q: '', ...nothing })).toBe('');
  expect(asOneQuery({ q: 'a b', ...nothing, level: ['ERROR', 'FATAL'], service: ['pay'] })).toBe('(a b) AND service:pay AND (level:ERROR OR level:FATAL)');
  expect(asOneQuery({ q: '', ...nothing, service: ['a,b', 'c'] })).toBe('(service:"a,b" OR service:c)');
});
