import { expect, test } from 'vitest';

import { Queue } from './queue';

/** Jobs that run until they are told. */
function jobs(queue: Queue) {
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const add = (name: string, priority = 0, signal = new AbortController().signal) =>
    queue.run(priority, signal, () => {
      begun.push(name);
      return new Promise<string>((resolve) => ends.set(name, () => resolve(name)));
    });
  return { begun, add, end: (name: string) => ends.get(name)!() };
}

test('four at a time, the highest on the page first', async () => {
  const { begun, add, end } = jobs(new Queue());
  const first = add('a');
  for (const name of ['b', 'c', 'd']) void add(name);
  void add('low', 9);
  const second = add('high', 1);
  expect(begun).toEqual(['a', 'b', 'c', 'd']);
  end('a');
  await first;
  await Promise.resolve();
  expect(begun.at(-1)).toBe('high');
  end('high');
  await second;
  await Promise.resolve();
  expect(begun.at(-1)).toBe('low');
});

test('what is cancelled while it waits never begins, and lets others pass', async () => {
  const queue = new Queue(1);
  const { begun, add, end } = jobs(queue);
  const first = add('a');
  const controller = new AbortController();
  const gone = add('gone', 0, controller.signal);
  const last = add('last', 1);
  controller.abort(new Error('not wanted'));
  await expect(gone).rejects.toThrow('not wanted');
  end('a');
  await first;
  await Promise.resolve();
  end('last');
  await last;
  expect(begun).toEqual(['a', 'last']);
});

test('one that fails makes room', async () => {
  const queue = new Queue(1);
  const { signal } = new AbortController();
  await expect(queue.run(0, signal, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await queue.run(0, signal, () => Promise.resolve(1))).toBe(1);
});
