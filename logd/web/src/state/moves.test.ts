// @vitest-environment happy-dom
import { expect, test } from 'vitest';

import { around, isRelative, stepped, widened } from './moves';

const NOW = Date.parse('2026-11-28T12:00:00Z');
const HOUR = { from: '2026-11-28T10:00:00.000Z', to: '2026-11-28T11:00:00.000Z' };

test('a step is as long', () => {
  expect(stepped(HOUR, -1, NOW)).toEqual({ from: '2026-11-28T09:00:00.000Z', to: '2026-11-28T10:00:00.000Z' });
  expect(stepped(HOUR, 1, NOW)).toEqual({ from: '2026-11-28T11:00:00.000Z', to: '2026-11-28T12:00:00.000Z' });
  expect(stepped({ from: '-15m', to: 'now' }, -1, NOW)).toEqual({ from: '2026-11-28T11:30:00.000Z', to: '2026-11-28T11:45:00.000Z' });
  expect(stepped({ from: 'x', to: 'now' }, 1, NOW)).toBeUndefined();
});

test('zooming out doubles, and ends now at the latest', () => {
  expect(widened(HOUR, NOW)).toEqual({ from: '2026-11-28T09:30:00.000Z', to: '2026-11-28T11:30:00.000Z' });
  expect(widened({ from: '2026-11-28T11:00:00Z', to: '2026-11-28T12:00:00Z' }, NOW)).toEqual({ from: '2026-11-28T10:00:00.000Z', to: '2026-11-28T12:00:00.000Z' });
  expect(widened({ from: '-15m', to: 'now' }, NOW)).toEqual({ from: '-30m', to: 'now' });
  expect(widened({ from: '1999-01-01', to: 'now' }, NOW)).toBeUndefined();
});

test('around a moment', () => {
  expect(around(Date.parse('2026-11-20T00:00:00Z'), HOUR, NOW)).toEqual({ from: '2026-11-19T23:30:00.000Z', to: '2026-11-20T00:30:00.000Z' });
});

test('what moves with the clock', () => {
  expect(['now', '-15m', '+1h', 'now-1d/d', '2026-11-28', '1763805600'].map(isRelative)).toEqual([true, true, true, true, false, false]);
});
