// @vitest-environment happy-dom
import { expect, test } from 'vitest';

import { go } from '../state/place';
import { pinnedRange } from './run';
import { fromParameters, toParameters } from './saved_calls';
import { asked, change, changeContext, closeContext, contextAt, explore, exploreLink, INITIAL, NEW_SINCE, openContext, REFRESH_SECONDS, type ContextOf, type Explore } from './state';

/** Numbers that look random, and are the same each time. */
function* numbers(seed: number): Generator<number> {
  for (let state = seed; ; ) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield state / 2 ** 32;
  }
}

const TEXTS = ['a', 'a b', 'x=1&y=2', '100 %', '+a -b', 'größe', '😀', '"', '\\', '#', '/', ';', 'a\nb', '<b>', 'a,b', 'a\\,b', 'x\\'];

function any(next: () => number): Explore {
  const one = <T>(of: readonly T[]): T => of[Math.floor(next() * of.length)]!;
  const around = (): ContextOf => ({ at: '2026-11-28T05:00:00.123456Z', logId: one(TEXTS), before: one([0, 10, 1_000]), after: one([10, 30]), order: one(['auto', 'position', 'time'] as const), only: one([true, false]) });
  const some = (): string[] => [...new Set(Array.from({ length: Math.floor(next() * 4) }, () => one(TEXTS)))];
  return {
    q: next() < 0.3 ? '' : one(TEXTS),
    operator: one(['', 'or', 'and'] as const),
    service: some(),
    level: some(),
    host: some(),
    range: one([INITIAL.range, { from: '-1h', to: 'now' }, { from: '2026-11-28T05:00:00+01:00', to: '2026-11-28T06:00:00Z' }, { from: '-15m', to: '-5m' }]),
    sort: one(['newest', 'oldest'] as const),
    columns: next() < 0.3 ? INITIAL.columns : [...some(), 'x'].filter((name) => !name.includes(',')),
    view: one(['lines', 'patterns'] as const),
    newSince: one(NEW_SINCE),
    refresh: one(REFRESH_SECONDS),
    open: some(),
    context: next() < 0.5 ? undefined : around(),
  };
}

test('all of it is in the URL, and comes out of it', () => {
  const random = numbers(7);
  const next = () => random.next().value as number;
  for (let run = 0; run < 500; run += 1) {
    const state = any(next);
    go(exploreLink(state));
    expect(explore.value).toEqual(state);
    expect(exploreLink(explore.value)).toBe(location.pathname + location.search);
  }
});

test('what nobody chose isn’t in it', () => {
  expect(exploreLink({})).toBe('/explore');
});

test('a change leaves the rest, and is a step that the back button undoes', () => {
  go(exploreLink({ q: 'a', service: ['x'] }));
  const before = history.length;
  change({ level: ['ERROR'] });
  expect(explore.value).toMatchObject({ q: 'a', service: ['x'], level: ['ERROR'] });
  change({ level: [] }, { replace: true });
  expect(history.length).toBe(before + 1);
});

test('a URL that has several in one parameter means each of them', () => {
  go('/explore?service=a,b&service=c&level=ERROR,%20FATAL&host=x%5C,y');
  expect(explore.value).toMatchObject({ service: ['a', 'b', 'c'], level: ['ERROR', 'FATAL'], host: ['x,y'] });
  expect(asked(explore.value)).toMatchObject({ service: ['a', 'b', 'c'], host: ['x\\,y'] });
});

test('what side by side means is asked for when the URL says it', () => {
  go('/explore?q=a%20b&default_operator=AND');
  expect(asked(explore.value)).toMatchObject({ q: 'a b', default_operator: 'and' });
  go('/explore?q=a%20b&default_operator=xor');
  expect(asked(explore.value)).not.toHaveProperty('default_operator');
});

const LINE = contextAt('a,b', '2026-11-28T05:00:00Z');

test('a context is a step, and goes when something else is asked for', () => {
  go(exploreLink({ q: 'a' }));
  const before = history.length;
  openContext(LINE);
  expect(history.length).toBe(before + 1);
  expect(explore.value).toMatchObject({ q: 'a', context: LINE });
  changeContext({ before: 30, only: true });
  expect(history.length).toBe(before + 1);
  expect(explore.value.context).toEqual({ ...LINE, before: 30, only: true });
  change({ q: 'b' });
  expect(explore.value.context).toBeUndefined();
});

test('a context of a URL that somebody wrote is one that the API gives', () => {
  go('/explore?context=2026-11-28T05:00:00Z,x&before=-1&after=9999&order=odd&only=maybe');
  expect(explore.value.context).toEqual({ ...contextAt('x', '2026-11-28T05:00:00Z'), after: 1_000 });
  go('/explore?context=x&before=5');
  expect(explore.value.context).toBeUndefined();
});

test('the context of a link goes without a step', () => {
  go(exploreLink({ q: 'a', context: LINE }));
  history.replaceState(null, '', location.href);
  const before = history.length;
  closeContext();
  expect(history.length).toBe(before);
  expect(location.search).toBe('?q=a');
});

test('lines stay open as long as the same is searched for', () => {
  go(exploreLink({ q: 'a', open: ['1', '2'] }));
  change({ columns: ['message'], sort: 'oldest' });
  expect(explore.value.open).toEqual(['1', '2']);
  change({ level: ['ERROR'] });
  expect(explore.value.open).toEqual([]);
});

test('of many opened lines the last ones are in the URL', () => {
  const ids = Array.from({ length: 200 }, (_, at) => `0123456789abcdef-${String(at).padStart(12, '0')}`);
  go(exploreLink({ open: ids }));
  expect(explore.value.open).toEqual(ids.slice(-Math.floor(2_000 / 29)));
});

test('a saved search shows the same again', () => {
  const random = numbers(11);
  const next = () => random.next().value as number;
  for (let run = 0; run < 200; run += 1) {
    const state = any(next);
    const parts = JSON.parse(JSON.stringify(toParameters(state)));
    const { view: _, refresh: __, newSince: ___, open: ____, context: _____, ...kept } = state;
    expect(fromParameters(parts)).toEqual({ ...kept, view: 'lines' });
  }
});

test('one that others have saved has lists with commas, and not all of it', () => {
  expect(fromParameters({ q: 'x', level: 'ERROR, FATAL', fields: 'timestamp,message', sort: 'asc' })).toMatchObject({
    level: ['ERROR', 'FATAL'],
    columns: ['message'],
    sort: 'oldest',
    range: INITIAL.range,
  });
});

test('a range is pinned once, and times that are there stay as they are', () => {
  const now = Date.parse('2026-11-28T12:00:00Z');
  expect(pinnedRange({ from: '-15m', to: 'now' }, now)).toEqual({ from: '2026-11-28T11:45:00.000Z', to: '2026-11-28T12:00:00.000Z' });
  expect(pinnedRange({ from: '2026-11-28T11:45:00.123456Z', to: 'whatever' }, now)).toEqual({ from: '2026-11-28T11:45:00.123456Z', to: 'whatever' });
});
