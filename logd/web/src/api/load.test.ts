// @vitest-environment happy-dom
import { h, render } from 'preact';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { usePolled } from './load';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  render(null, document.body);
  vi.useRealTimers();
});

test('what is asked again and again waits for an answer that is slower than that', async () => {
  let asked = 0;
  let aborted = 0;
  const slow = (signal: AbortSignal) => {
    asked += 1;
    signal.addEventListener('abort', () => (aborted += 1));
    return new Promise<number>((resolve) => setTimeout(() => resolve(asked), 25_000));
  };
  function Shown() {
    return h('p', {}, String(usePolled(slow, [], 10_000).data ?? 'nothing'));
  }
  render(h(Shown, {}), document.body);
  await vi.advanceTimersByTimeAsync(26_000);
  expect([asked, aborted, document.body.textContent]).toEqual([1, 0, '1']);
  await vi.advanceTimersByTimeAsync(10_000);
  expect([asked, aborted]).toEqual([2, 1]);
  render(null, document.body);
  await vi.advanceTimersByTimeAsync(100_000);
  expect([asked, aborted]).toEqual([2, 2]);
});
