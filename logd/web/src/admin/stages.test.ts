import { expect, test } from 'vitest';

import { fill, health, pathOf } from './stages';

const stage = (held: number, blocked_seconds: number) => ({ held, capacity: 100, unit: 'rows', blocked_seconds });

const status = (blocked: number) => ({
  roles: ['processor', 'api'],
  transport: {
    'raw-logs': { messages: 7, bytes: 900, oldest_us: 2_000_000, groups: { processor: { lag: 7 }, alerter: { lag: 3 } } },
    closed: true,
  },
  stages: { 'api.bodies': stage(0, 0), 'index.recent': stage(90, blocked), 'processor.parse': stage(1, 0) },
  processor: { lag_messages: 2 },
});

test('stages lie on the path by what they belong to', () => {
  const { takenIn, topics, lanes } = pathOf(status(0), undefined, 0);
  expect(takenIn.map(({ name }) => name)).toEqual(['api.bodies']);
  expect(topics).toEqual([{ name: 'raw-logs', messages: 7, bytes: 900, oldest: 2_000, groups: [{ name: 'processor', lag: 7 }, { name: 'alerter', lag: 3 }] }]);
  expect(lanes.map(({ name, lag, stages }) => [name, lag, stages.map((one) => one.name)])).toEqual([
    ['processor', 2, ['processor.parse', 'index.recent']],
    ['alerter', 3, []],
  ]);
});

test('blocked is the share of the time between two statuses', () => {
  const blocked = (before: number | undefined, now: number, seconds: number) =>
    pathOf(status(now), before === undefined ? undefined : status(before), seconds).lanes[0]!.stages[1]!;
  expect(blocked(undefined, 50, 2).blocked).toBe(0);
  expect(blocked(10, 11, 2).blocked).toBe(0.5);
  expect(blocked(10, 20, 2).blocked).toBe(1);
  // The process was started again.
  expect(blocked(10, 0, 2).blocked).toBe(0);
  expect(health(blocked(10, 11, 2))).toBe('blocked');
  expect(health(blocked(10, 10, 2))).toBe('busy');
  expect(fill(blocked(10, 10, 2))).toBe(0.9);
});
