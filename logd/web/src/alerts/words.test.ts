// @vitest-environment happy-dom
import { expect, test } from 'vitest';

import { ApiError } from '../api/client';
import { columnOf, problemsOf } from './problems';
import { evidenceLink, searchOf } from './searching';
import { asGlob, globsFrom, matches, silences } from './silencing';
import { conditionText, groupText, limitText, visible } from './words';

test('control characters and what turns the writing round are shown', () => {
  expect(visible('a\u001b[31mb\u0000 \u202egnp.exe\u2028 ü\t\n')).toBe('a\\x1b[31mb\\x00 \\u202egnp.exe\\u2028 ü\t\n');
});

test('a rule in words', () => {
  expect(conditionText({ aggregation: 'count', threshold: 100, compare: '>', window_seconds: 300, service: 'pay', level: 'ERROR', query: 'timeout' })).toBe('Number of lines above 100 in 5m · service pay · level ERROR · “timeout”');
  expect(conditionText({ aggregation: 'p99', field: 'latency_ms', threshold: 5000, window_seconds: 60 })).toBe('99th percentile (p99) of latency_ms above 5,000 in 1m');
  expect(limitText({ aggregation: 'ratio', threshold: 0.2, compare: '>=' })).toBe('≥ 20 %');
  expect(groupText({ host: 'a', user: null })).toBe('host=a user=none');
});

test('the search that shows what was counted is the one of the messages', () => {
  const condition = { aggregation: 'count', service: 'a,b', level: 'ERROR', query: 'x OR y', window_seconds: 60 } as const;
  expect(searchOf({ condition }, { host: 'web "1"' })).toBe('service:("a" OR "b") AND level:"ERROR" AND (x OR y) AND host:"web \\"1\\""');
  expect(searchOf({ condition: { service: 'a\\,b, c' } }, {})).toBe('service:("a,b" OR "c")');
  expect(searchOf({ condition: { query: 'a\\' } }, { user: null })).toBe('(a\\\\) AND NOT _exists_:user');
  expect(searchOf({ condition: { aggregation: 'ratio', of: 'p:1', query: 'q' } }, {})).toBe('(p:1) AND (q)');
  expect(searchOf({ condition: { aggregation: 'new_pattern' } }, { host: 'a', pattern: 'paid <*>' })).toBe('host:"a"');
  const inner = (query: string) => ({ query }) as never;
  expect(searchOf({ condition: { aggregation: 'composite', service: 's', conditions: [inner('a'), inner('b')] } }, {})).toBe('service:"s" AND (((a)) OR ((b)))');
  const at = Date.parse('2026-11-28T06:00:00Z');
  const link = new URL(evidenceLink({ condition }, {}, at), 'http://a');
  expect([link.searchParams.get('from'), link.searchParams.get('to')]).toEqual(['2026-11-28T05:59:00.000Z', '2026-11-28T06:00:01.000Z']);
});

test.each([
  ['*', 'anything\nat all', true],
  ['web-?', 'web-1', true],
  ['web-?', 'web-12', false],
  ['web-[0-4]', 'web-3', true],
  ['web-[!0-4]', 'web-3', false],
  ['a.b(c)+', 'a.b(c)+', true],
  ['a.b', 'axb', false],
  ['[[]x]', '[x]', true],
  ['WEB', 'web', false],
])('the glob %s over %s', (glob, text, found) => {
  expect(matches(glob, text)).toBe(found);
});

test('a text as a glob matches itself alone', () => {
  for (const text of ['a*b', 'what?', '[x]', '[[]', 'plain']) expect(matches(asGlob(text), text)).toBe(true);
  expect(matches(asGlob('a*b'), 'axb')).toBe(false);
});

test('all that a silence says has to match', () => {
  const alert = { rule_id: 'id1', rule: 'pay: errors', labels: { team: 'pay' }, severity: 'critical', group: { host: 'web-1', region: null } };
  const globs = { rule: '', labels: {}, group: {} };
  expect(silences({ ...globs, rule: 'pay*', group: { host: 'web-*' } }, alert)).toBe(true);
  expect(silences({ ...globs, rule: 'id1', labels: { severity: 'crit*', team: 'pay' } }, alert)).toBe(true);
  expect(silences({ ...globs, group: { region: '*' } }, alert)).toBe(false);
  expect(silences({ ...globs, group: { 'metadata.host': 'web-1' } }, alert)).toBe(true);
  expect(silences({ ...globs, labels: { other: '*' } }, alert)).toBe(false);
});

test('all that is wrong is told at its place', () => {
  const message =
    "condition.conditions[0].threshold is missing, which count needs; condition.conditions[0].query: a clause can't begin with the end at column 7; it says more; action.headers.\"x y\" is named \"x y\"";
  const problems = problemsOf(new ApiError(400, 'bad_rule', message, 'condition.conditions[0].threshold'));
  expect([...problems.keys()]).toEqual(['condition.conditions[0].threshold', 'condition.conditions[0].query', 'action.headers.x y']);
  expect(columnOf(problems.get('condition.conditions[0].query'))).toBe(7);
  expect([...problemsOf(new ApiError(400, 'bad_rule', 'a', 'rule.condition.query:3')).keys()]).toEqual(['condition.query']);
  expect([...problemsOf(new ApiError(409, 'conflict', 'taken', 'name')).keys()]).toEqual(['name']);
  expect(problemsOf(new ApiError(503, 'away', 'x', 'name')).size).toBe(0);
});

test('a silence of an empty value isn’t one of any value', () => {
  expect(globsFrom([{ name: ' host ', value: '' }, { name: '', value: 'x' }])).toEqual({ host: '' });
  expect(silences({ rule: '', labels: {}, group: globsFrom([{ name: 'host', value: '' }]) }, { rule_id: 'r', rule: 'r', labels: {}, severity: 'error', group: { host: 'web-1' } })).toBe(false);
});
