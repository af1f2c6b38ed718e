/** Server-sent events over `fetch`, as EventSource can't say who asks. */

import { ApiError, send } from './client';
import { EventText, type ServerEvent } from './sse';

export type { ServerEvent } from './sse';

/** The server says something every 15 s. A connection that is silent for longer is dead, though nobody has said so. */
const SILENT_MS = 45_000;
const LOOK_MS = 5_000;
/** Other things on the page get their turn after so long, when much comes at once. */
const TURN_MS = 30;

/** Events as they come, those that came together at once; empty where only a sign of life came. Until the server ends
 * them or `signal` aborts. Rejects as `send` does, also when the connection is lost. */
export async function* events(path: string, signal: AbortSignal): AsyncGenerator<ServerEvent[]> {
  const silent = new AbortController();
  let heardAt = Date.now();
  const looking = setInterval(() => {
    if (Date.now() - heardAt >= SILENT_MS) silent.abort(new ApiError(0, 'silent', 'the server was silent for too long'));
  }, LOOK_MS);
  const both = AbortSignal.any([signal, silent.signal]);
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  try {
    const response = await send(path, { signal: both, cache: 'no-store', headers: { Accept: 'text/event-stream' } });
    reader = response.body?.getReader();
    if (!reader || !response.headers.get('Content-Type')?.startsWith('text/event-stream')) {
      throw new ApiError(0, 'no_stream', 'what answered isn’t the log server');
    }
    const decoder = new TextDecoder();
    const text = new EventText();
    let turn = performance.now();
    for (;;) {
      const { done, value } = await reader.read().catch((error: unknown) => {
        if (both.aborted) throw both.reason;
        throw new ApiError(0, 'cut_off', 'the connection was lost', String(error));
      });
      if (done) return;
      heardAt = Date.now();
      yield text.push(decoder.decode(value, { stream: true }));
      if (performance.now() - turn > TURN_MS) {
        await otherTasks();
        turn = performance.now();
      }
    }
  } finally {
    clearInterval(looking);
    await reader?.cancel().catch(() => undefined);
  }
}

/** Timers would wait for a second in a hidden tab. */
function otherTasks(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}
