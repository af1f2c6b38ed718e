/** Server-sent events over `fetch`, as EventSource can't say who asks. */

import { EventSourceParserStream } from 'eventsource-parser/stream';

import { send } from './client';

export interface ServerEvent {
  /** Empty for an unnamed one. */
  event: string;
  id: string;
  data: string;
}

/** Events as they come, until the server ends them or `signal` aborts. Rejects as `send` does. */
export async function* events(path: string, signal: AbortSignal): AsyncGenerator<ServerEvent> {
  const response = await send(path, { signal, headers: { Accept: 'text/event-stream' } });
  if (!response.body) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream()).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield { event: value.event ?? '', id: value.id ?? '', data: value.data };
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
