// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { Tailer } from './tailer';

/** A server whose answers the test writes by hand. */
class Answers {
  urls: URL[] = [];
  writers: ReadableStreamDefaultController<Uint8Array>[] = [];

  fetch = async (request: Request): Promise<Response> => {
    this.urls.push(new URL(request.url));
    const body = new ReadableStream<Uint8Array>({ start: (writer) => void this.writers.push(writer) });
    request.signal.addEventListener('abort', () => {
      try {
        this.writers.at(-1)?.error(request.signal.reason);
      } catch {
        // It was over before.
      }
    });
    return new Response(body, { headers: { 'Content-Type': 'text/event-stream; charset=utf-8' } });
  };

  say(text: string): void {
    this.writers.at(-1)!.enqueue(new TextEncoder().encode(text));
  }

  lines(from: number, to: number): void {
    for (let line = from; line < to; line += 1) this.say(`id: p${line}\ndata: {"log_id": "${line}", "message": "line ${line}"}\n\n`);
  }
}

const ASKED = { q: '', operator: '' as const, service: [], level: [], host: [], rate: 0 };
let answers: Answers;
let tailer: Tailer;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
  answers = new Answers();
  vi.stubGlobal('fetch', answers.fetch);
  tailer = new Tailer(10);
  tailer.ask(ASKED);
});

afterEach(() => {
  tailer.close();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

async function pass(ms = 0): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  await vi.advanceTimersByTimeAsync(ms);
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

function shown(): string[] {
  return Array.from({ length: tailer.rows.length }, (_, index) => {
    const { content } = tailer.rows.at(index);
    return content.kind === 'line' ? content.hit.log_id! : content.kind === 'missed' ? `missed ${content.lines}` : content.kind;
  });
}

test('what side by side means, and names with commas, are asked for as the API reads them', async () => {
  await pass();
  tailer.ask({ ...ASKED, q: 'a b', operator: 'and', service: ['x,y', 'z'] });
  await pass();
  expect(answers.urls[1]!.search).toBe('?q=a+b&default_operator=and&service=x%5C%2Cy&service=z');
});

test('lines come onto the page together', async () => {
  await pass();
  answers.say('event: open\nid: p\ndata: {}\n\n');
  answers.lines(0, 3);
  await pass();
  expect(tailer.state.value.phase).toBe('open');
  expect(shown()).toEqual([]);
  await pass(100);
  expect(shown()).toEqual(['0', '1', '2']);
  expect(tailer.version.value).toBe(2);
});

test('a lost connection goes on after the last line, without the half of one', async () => {
  await pass();
  answers.lines(0, 2);
  answers.say('id: p2\ndata: {"log_id": "half"}\n');
  await pass(100);
  answers.writers[0]!.error(new TypeError('network error'));
  await pass();
  expect(tailer.state.value).toMatchObject({ phase: 'waiting', at: 'p1' });
  await pass(1_000);
  expect(answers.urls[1]!.searchParams.get('last_event_id')).toBe('p1');
  answers.lines(2, 4);
  await pass(100);
  expect(shown()).toEqual(['0', '1', '2', '3']);
});

test('a heartbeat moves the place to go on from', async () => {
  await pass();
  answers.say(':\nid: far\n\n');
  await pass();
  answers.writers[0]!.close();
  await pass(1_000);
  expect(answers.urls[1]!.searchParams.get('last_event_id')).toBe('far');
});

test('paused, lines wait; full, the connection is closed; resumed, each is there once', async () => {
  await pass();
  answers.lines(0, 2);
  await pass(100);
  tailer.happen({ type: 'pause' });
  answers.lines(2, 7);
  await pass(100);
  expect(shown()).toEqual(['0', '1']);
  expect(tailer.held.value).toBe(5);
  answers.lines(7, 12);
  await pass(100);
  expect(tailer.state.value.phase).toBe('held');
  await pass(60_000);
  expect(answers.urls).toHaveLength(1);
  tailer.happen({ type: 'resume' });
  expect(shown()).toEqual(['2', '3', '4', '5', '6', '7', '8', '9', '10', '11']);
  await pass();
  expect(answers.urls[1]!.searchParams.get('last_event_id')).toBe('p11');
});

test('what was missed is said in its place, once', async () => {
  await pass();
  answers.lines(0, 1);
  answers.say('event: missed\nid: q\ndata: {"lines": 4}\n\n');
  await pass(100);
  answers.say('event: missed\nid: r\ndata: {"lines": 5}\n\nevent: gap\nid: s\ndata: {"from": "r", "to": "s"}\n\n');
  answers.lines(1, 2);
  answers.say('event: end\ndata: {"reason": "the server is stopping"}\n\n');
  await pass(100);
  expect(shown()).toEqual(['0', 'missed 9', 'gap', '1', 'end']);
  expect(tailer.state.value.at).toBe('p1');
});

test('another query shows nothing of the last one; another rate goes on', async () => {
  await pass();
  answers.lines(0, 2);
  await pass(100);
  tailer.ask({ ...ASKED, rate: 10 });
  await pass();
  expect(shown()).toEqual(['0', '1']);
  expect(answers.urls[1]!.search).toBe('?rate=10&last_event_id=p1');
  tailer.ask({ ...ASKED, q: 'x', rate: 10 });
  await pass();
  expect(shown()).toEqual([]);
  expect(answers.urls[2]!.search).toBe('?q=x&rate=10');
});

test('a silent connection is given up', async () => {
  await pass();
  answers.lines(0, 1);
  await pass();
  vi.setSystemTime(Date.now());
  const now = vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 50_000);
  await pass(5_000);
  now.mockRestore();
  expect(tailer.state.value.error?.code).toBe('silent');
  await pass(1_000);
  expect(answers.urls).toHaveLength(2);
});
