// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

let answer: () => Promise<Response>;
let asked = 0;

beforeEach(() => {
  vi.resetModules();
  vi.useFakeTimers();
  asked = 0;
  vi.stubGlobal('fetch', () => {
    asked += 1;
    return answer();
  });
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const away = () => Promise.reject(new TypeError('network error'));
const up = () => Promise.resolve(new Response('{}'));
const proxy = () => Promise.resolve(new Response('<h1>Bad gateway</h1>', { status: 502 }));

test('asks, more and more seldom, until the server answers; a proxy’s 502 is no answer', async () => {
  const { connection, lost, reconnects } = await import('./connection');
  answer = away;
  lost();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked).toBeGreaterThan(6);
  expect(asked).toBeLessThan(12);
  answer = proxy;
  await vi.advanceTimersByTimeAsync(15_000);
  expect(connection.value).toBe('lost');
  answer = up;
  await vi.advanceTimersByTimeAsync(15_000);
  expect(connection.value).toBe('up');
  expect(reconnects.value).toBe(1);
  const before = asked;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked).toBe(before);
});

test('says for a moment that it is back; lost again meanwhile, it is lost', async () => {
  const { connection, lost, restored, reconnects } = await import('./connection');
  answer = away;
  lost();
  restored();
  expect(connection.value).toBe('back');
  await vi.advanceTimersByTimeAsync(1_000);
  lost();
  await vi.advanceTimersByTimeAsync(5_000);
  expect(connection.value).toBe('lost');
  restored();
  await vi.advanceTimersByTimeAsync(3_000);
  expect(connection.value).toBe('up');
  expect(reconnects.value).toBe(2);
});

test('one asks at a time, however often it is lost', async () => {
  const { lost, restored } = await import('./connection');
  answer = away;
  for (let turn = 0; turn < 20; turn += 1) {
    lost();
    restored();
  }
  lost();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked).toBeLessThan(14);
});

test('asks at once when somebody wants it, or there is a network again', async () => {
  const { connection, lost, tryNow } = await import('./connection');
  answer = away;
  lost();
  tryNow();
  await vi.advanceTimersByTimeAsync(0);
  expect(asked).toBe(1);
  answer = up;
  dispatchEvent(new Event('online'));
  await vi.advanceTimersByTimeAsync(0);
  expect(connection.value).toBe('back');
});

test('without a network a server that answers isn’t lost', async () => {
  const { connection } = await import('./connection');
  answer = up;
  dispatchEvent(new Event('offline'));
  await vi.advanceTimersByTimeAsync(0);
  expect(connection.value).toBe('up');
  answer = away;
  dispatchEvent(new Event('offline'));
  await vi.advanceTimersByTimeAsync(0);
  expect(connection.value).toBe('lost');
});
