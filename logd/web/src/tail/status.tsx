/** What the tail is doing, in words, and what is wrong with it. */

import { useEffect, useState } from 'preact/hooks';

import { Button } from '../parts/button';
import { connection } from '../state/connection';
import { countText } from '../state/numbers';
import { needsToken } from '../state/session';
import type { Tailing } from './machine';
import type { Tailer } from './tailer';

const NAMES = { connecting: 'Connecting…', open: 'Live', waiting: 'Reconnecting…', held: 'Paused', refused: 'Refused' } as const;

export function Status({ tailer }: { tailer: Tailer }) {
  const state = tailer.state.value;
  const kind = state.paused && (state.phase === 'open' || state.phase === 'held') ? 'paused' : state.phase;
  return (
    <span class={`tail-status ${kind}`} role="status">
      <i aria-hidden="true" />
      {kind === 'paused' ? 'Paused' : NAMES[state.phase]}
    </span>
  );
}

/** A strip above the lines: they stay, and it goes on from the last of them. */
export function Trouble({ tailer, kept }: { tailer: Tailer; kept: number }) {
  const state = tailer.state.value;
  if (state.phase === 'held') {
    return <div class="tail-trouble calm">{countText(kept)} lines wait, and this page takes no more: the server keeps the rest until you resume.</div>;
  }
  // The banner of all pages says it already.
  if (connection.value === 'lost') return null;
  if (state.phase === 'waiting' && (state.failures > 1 || state.waitMs > 1_000)) return <Waiting state={state} onTry={() => tailer.happen({ type: 'retry' })} />;
  // A query that is wrong is marked where it is typed.
  if (state.phase !== 'refused' || state.error?.column) return null;
  return (
    <div class="tail-trouble" role="alert">
      <span>{refusal(state)}</span>
      {state.error?.status === 401 && <Button onClick={() => (needsToken.value = true)}>Sign in</Button>}
      <Button icon="reload" onClick={() => tailer.happen({ type: 'retry' })}>
        Try again
      </Button>
    </div>
  );
}

function Waiting({ state, onTry }: { state: Tailing; onTry: () => void }) {
  const [until, setUntil] = useState(Date.now() + state.waitMs);
  const [now, setNow] = useState(Date.now());
  useEffect(() => setUntil(Date.now() + state.waitMs), [state.failures]);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, []);
  const seconds = Math.max(1, Math.ceil((until - now) / 1_000));
  return (
    <div class="tail-trouble">
      <span>
        {state.error?.message ?? 'The server ended the tail'}. {state.at && 'No line is lost: it goes on after the last one.'}{' '}
        <span aria-hidden="true">Trying again in {seconds} s…</span>
      </span>
      <Button onClick={onTry}>Try now</Button>
    </div>
  );
}

function refusal({ error }: Tailing): string {
  if (error?.status === 401) return 'A token is needed to see lines as they come.';
  if (error?.status === 403) return `Your token may not see these lines: ${error.message}.`;
  return error?.message ?? 'The server refused.';
}
