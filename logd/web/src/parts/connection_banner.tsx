import { useEffect, useState } from 'preact/hooks';

import { connection, nextAttemptAt, online, tryNow } from '../state/connection';
import { Button } from './button';

export function ConnectionBanner() {
  return (
    <div role="status" aria-live="polite">
      {connection.value === 'lost' && (
        <div class="banner lost">
          {online.value ? 'The server can’t be reached.' : 'This computer is offline.'} <Attempt />
        </div>
      )}
      {connection.value === 'back' && <div class="banner back">The server is back.</div>}
    </div>
  );
}

/** Counts down, for those who see it: to be told each second would be too much. */
function Attempt() {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, []);
  const at = nextAttemptAt.value;
  return (
    <>
      <span aria-hidden="true">{at > now ? `Trying again in ${Math.ceil((at - now) / 1_000)} s…` : 'Trying again…'}</span>
      <Button kind="plain" disabled={!at} onClick={tryNow}>
        Try now
      </Button>
    </>
  );
}
