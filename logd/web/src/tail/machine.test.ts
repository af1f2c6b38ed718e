// @vitest-environment happy-dom
import { expect, test } from 'vitest';

import { ApiError } from '../api/client';
import { after, FRESH, isConnected, type Happening, type Tailing } from './machine';

const gone = new ApiError(0, 'cut_off', 'the connection was lost');

function run(...happenings: Happening[]): Tailing {
  return happenings.reduce(after, FRESH);
}

test('goes on after the last id', () => {
  const state = run({ type: 'answered' }, { type: 'took', at: 'a', more: false }, { type: 'took', at: 'b', more: true }, { type: 'failed', error: gone });
  expect(state).toMatchObject({ phase: 'waiting', at: 'b', failures: 1, waitMs: 250, error: gone });
  expect(after(state, { type: 'retry' })).toMatchObject({ phase: 'connecting', at: 'b' });
});

test('a batch without an id leaves the place as it was', () => {
  expect(run({ type: 'took', at: 'a', more: true }, { type: 'took', at: '', more: false }).at).toBe('a');
});

test('waits longer each time, though each time it began', () => {
  let state = FRESH;
  const waits: number[] = [];
  for (let turn = 0; turn < 8; turn += 1) {
    for (const happening of [{ type: 'answered' }, { type: 'took', at: 'a', more: false }, { type: 'ended' }] as const) state = after(state, happening);
    waits.push(state.waitMs);
    state = after(state, { type: 'retry' });
  }
  expect(waits).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
  state = after(after(state, { type: 'took', at: 'b', more: true }), { type: 'ended' });
  expect(state.waitMs).toBe(250);
});

test.each([401, 403, 404, 400])('%i is for good, until somebody tries again', (status) => {
  const state = run({ type: 'failed', error: new ApiError(status, 'x', 'no') });
  expect(state.phase).toBe('refused');
  expect(after(state, { type: 'retry' }).phase).toBe('connecting');
});

test.each([408, 429, 500, 502, 503])('%i is not, and Retry-After is kept to', (status) => {
  expect(run({ type: 'failed', error: new ApiError(status, 'x', 'no', '', 12) })).toMatchObject({ phase: 'waiting', waitMs: 12_000 });
});

test('a place that the server does not know is given up', () => {
  const state = run({ type: 'took', at: 'a', more: true }, { type: 'failed', error: new ApiError(400, 'x', 'no', 'last_event_id') });
  expect(state).toMatchObject({ phase: 'waiting', at: '' });
});

test('paused, it goes on until the page is full, and from there when one resumes', () => {
  const paused = run({ type: 'answered' }, { type: 'took', at: 'a', more: true }, { type: 'pause' });
  expect(isConnected(paused)).toBe(true);
  const held = after(paused, { type: 'full' });
  expect(isConnected(held)).toBe(false);
  expect(after(held, { type: 'retry' })).toBe(held);
  expect(after(held, { type: 'failed', error: gone })).toBe(held);
  expect(after(held, { type: 'resume' })).toMatchObject({ phase: 'connecting', paused: false, at: 'a' });
});

test('another query begins anew', () => {
  expect(run({ type: 'took', at: 'a', more: true }, { type: 'pause' }, { type: 'restart' })).toEqual(FRESH);
});
