// @vitest-environment happy-dom

import { expect, test } from 'vitest';

import { anyOf, before, change, ends, intervalOf, linesOf, share, shareLines, shareRows, timesOf, type Group } from './figures';

const at = (minute: number) => new Date(Date.UTC(2026, 10, 28, 5, minute)).toISOString();
const times = [0, 1, 2].map((minute) => Date.parse(at(minute)));

function group(service: string | null, counts: [number, number][]): Group {
  return { values: { service }, count: counts.reduce((sum, [, count]) => sum + count, 0), buckets: counts.map(([minute, count]) => ({ start: at(minute), count })) };
}

const ALL = [group('a', [[0, 10], [1, 20]]), group('b', [[0, 5], [2, 4]]), group('c', [[0, 1]])];
const BAD = [group('b', [[0, 1], [2, 4]]), group('a', [[1, 1]])];

test('an error rate is errors over all, of each service and time', () => {
  const lines = shareLines(ALL, BAD, times);
  expect(lines.map(({ name, values }) => [name, values])).toEqual([
    ['b', [0.2, null, 1]],
    ['a', [0, 0.05, null]],
    ['c', [0, null, null]],
  ]);
});

test('the worst service comes first', () => {
  expect(shareRows(ALL, BAD).map((row) => [row.group.values.service, row.matching, row.group.count, row.share])).toEqual([
    ['b', 5, 9, 5 / 9],
    ['a', 1, 30, 1 / 30],
    ['c', 0, 1, 0],
  ]);
});

test('a share of nothing is none, and none is more than all', () => {
  expect(share(0, 0)).toBe(null);
  expect(share(3, 2)).toBe(1);
});

test('by how much it has changed', () => {
  expect(change(15, 10)).toBe(0.5);
  expect(change(5, 10)).toBe(-0.5);
  expect(change(5, 0)).toBe(undefined);
  expect(change(null, 10)).toBe(undefined);
});

test('no records are a count of 0, and no figure', () => {
  expect(linesOf([group('a', [[1, 2]])], 'count', times)[0]!.values).toEqual([0, 2, 0]);
  const one = { values: {}, count: 2, stats: { 'p95(x)': 3 }, buckets: [{ start: at(1), count: 2, stats: { 'p95(x)': 3 } }] };
  expect(linesOf([one], 'p95(x)', times)[0]).toEqual({ name: 'p95(x)', value: null, values: [null, 3, null] });
});

test('levels come by how grave they are', () => {
  const levels = ['INFO', null, 'FATAL', 'WARN'].map((level) => ({ values: { level }, count: 1, buckets: [] }));
  expect(linesOf(levels, 'count', []).map(({ name }) => name)).toEqual(['FATAL', 'WARN', 'INFO', '–']);
});

test('times have no gaps, and hold what was found outside', () => {
  expect(timesOf([at(0)], 60_000, [times[0]! + 30_000, times[2]! + 1])).toEqual(times);
  expect(timesOf([at(2), at(0)], 60_000, undefined)).toEqual([times[0], times[2]]);
});

test('an interval is a round one', () => {
  expect(intervalOf({ from: '-1h', to: 'now' }, 90)).toBe('60s');
  expect(intervalOf({ from: '-24h', to: 'now' }, 90)).toBe('1800s');
  expect(intervalOf({ from: 'never', to: 'now' }, 90)).toBe('auto');
  expect(intervalOf({ from: '-3000d', to: 'now' }, 90)).toBe('34d');
});

test('the time before is as long, and ends where the range begins', () => {
  const now = Date.UTC(2026, 10, 28, 6, 0, 7);
  const was = before({ from: '-1h', to: 'now' }, now)!;
  expect(was).toEqual({ from: '2026-11-28T04:00:00.000Z', to: '2026-11-28T05:00:00.000Z' });
  expect(before({ from: 'x', to: 'now' })).toBe(undefined);
  expect(ends({ from: 'now', to: '-1h' })).toBe(undefined);
});

test('a query for the records of groups', () => {
  expect(anyOf([group('a b', []), group(null, [])])).toBe('(service:"a b") OR (NOT service:*)');
  expect(anyOf([])).toBe(undefined);
  expect(anyOf([{ values: {}, count: 1 }])).toBe(undefined);
});

test('a field’s name is written as queries have it', () => {
  expect(anyOf([{ values: { 'metadata.user id': 'a' }, count: 1 }])).toBe('(metadata.user\\ id:a)');
});

test('what is below zero and rises, rises', () => {
  expect(change(-1, -2)).toBe(0.5);
  expect(change(1, 2)).toBe(-0.5);
});
