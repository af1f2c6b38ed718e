import { expect, test } from 'vitest';

import { rowsOf, ticksOf } from './timeline';

const MINUTE = 60_000;
const FROM = Date.parse('2026-11-28T00:00:00Z');
const TO = FROM + 60 * MINUTE;

function event(minute: number, what: string, group: Record<string, string> = {}, rule = 'a') {
  return { time: new Date(FROM + minute * MINUTE).toISOString(), rule_id: rule, rule: `rule ${rule}`, group, what, value: what === 'firing' ? 5 : null };
}

/** As the API has them: the newest first. */
function bars(events: ReturnType<typeof event>[], byGroup = false) {
  return rowsOf(events.toReversed(), FROM, TO, byGroup).map(({ name, bars: found, fired }) => ({
    name,
    fired: fired / MINUTE,
    bars: found.map(({ from, to, began, ended }) => [(from - FROM) / MINUTE, (to - FROM) / MINUTE, began, ended]),
  }));
}

test('from firing to resolved is a bar', () => {
  expect(bars([event(10, 'firing'), event(12, 'acknowledged'), event(25, 'resolved')])).toEqual([{ name: 'rule a', fired: 15, bars: [[10, 25, true, true]] }]);
});

test('what fires still goes to the end, what fired before begins with it', () => {
  expect(bars([event(5, 'resolved'), event(50, 'firing')])).toEqual([{ name: 'rule a', fired: 15, bars: [[0, 5, false, true], [50, 60, true, false]] }]);
  expect(bars([event(-30, 'firing'), event(20, 'resolved')])).toEqual([{ name: 'rule a', fired: 20, bars: [[0, 20, false, true]] }]);
  expect(bars([event(-30, 'firing'), event(-20, 'resolved')])).toEqual([]);
});

test('groups that fire at once are one row of a rule, and its time counts once', () => {
  const events = [event(10, 'firing', { host: 'a' }), event(15, 'firing', { host: 'b' }), event(20, 'resolved', { host: 'a' }), event(30, 'resolved', { host: 'b' })];
  expect(bars(events)).toEqual([{ name: 'rule a', fired: 20, bars: [[10, 20, true, true], [15, 30, true, true]] }]);
  expect(bars(events, true).map(({ name, fired }) => [name, fired])).toEqual([
    ['host=b', 15],
    ['host=a', 10],
  ]);
});

test('what fired last comes first', () => {
  const events = [event(10, 'firing', {}, 'a'), event(20, 'resolved', {}, 'a'), event(30, 'firing', {}, 'b'), event(40, 'resolved', {}, 'b')];
  expect(bars(events).map(({ name }) => name)).toEqual(['rule b', 'rule a']);
});

test('an end at the moment of the next beginning comes before it', () => {
  expect(bars([event(10, 'firing'), event(20, 'resolved'), event(20, 'firing'), event(30, 'resolved')])[0]?.bars).toEqual([[10, 20, true, true], [20, 30, true, true]]);
});

test('two beginnings without an end between are two bars', () => {
  expect(bars([event(10, 'firing'), event(30, 'firing'), event(40, 'resolved')])[0]?.bars).toEqual([[10, 30, true, false], [30, 40, true, true]]);
});

test.each([1, 24, 168, 720])('%d hours have some round ticks', (hours) => {
  const ticks = ticksOf(FROM, FROM + hours * 60 * MINUTE);
  expect(ticks.length).toBeGreaterThanOrEqual(2);
  expect(ticks.length).toBeLessThanOrEqual(7);
});
