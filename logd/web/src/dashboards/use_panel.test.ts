// @vitest-environment happy-dom
import { h, render } from 'preact';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import type { Panel } from './document';
import { usePanel, type Look } from './use_panel';

const calls: { maxAge: number; signal: AbortSignal }[] = [];
let reload = () => {};
vi.mock('./asking', () => ({
  ask: (_: unknown, { maxAge, signal }: { maxAge: number; signal: AbortSignal }) => {
    calls.push({ maxAge, signal });
    return new Promise((resolve) => setTimeout(() => resolve({ kind: 'number', value: calls.length, times: [], values: [] }), 6_000));
  },
}));

const PANEL: Panel = { id: 'a', type: 'number', x: 0, y: 0, w: 2, h: 2 };
const RANGE = { from: '-1h', to: 'now' };

function Shown({ look }: { look: Look }) {
  const state = usePanel(PANEL, RANGE, look, true);
  reload = state.reload;
  return h('p', {}, state.shown ? 'shown' : 'nothing');
}

const show = async (look: Look, ms: number) => {
  render(h(Shown, { look }), document.body);
  await vi.advanceTimersByTimeAsync(ms);
};

beforeEach(() => {
  vi.useFakeTimers();
  calls.length = 0;
});
afterEach(() => {
  render(null, document.body);
  vi.useRealTimers();
});

test('a panel that is slower than its dashboard looks is shown all the same', async () => {
  await show({ turn: 0, maxAge: 4 }, 5_000);
  await show({ turn: 1, maxAge: 4 }, 2_000);
  expect([calls.length, document.body.textContent]).toEqual([1, 'shown']);
  await show({ turn: 2, maxAge: 4 }, 100);
  expect(calls.length).toBe(2);
});

test('only what somebody asks for anew is asked past the server’s memory', async () => {
  await show({ turn: 0, maxAge: 4 }, 7_000);
  reload();
  await vi.advanceTimersByTimeAsync(7_000);
  await show({ turn: 1, maxAge: 4 }, 7_000);
  expect(calls.map(({ maxAge }) => maxAge)).toEqual([4, 0, 4]);
});
