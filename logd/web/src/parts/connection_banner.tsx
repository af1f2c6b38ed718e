import { connection } from '../state/connection';

export function ConnectionBanner() {
  return (
    <div role="status" aria-live="polite">
      {connection.value === 'lost' && <div class="banner lost">The server can’t be reached. Trying again…</div>}
      {connection.value === 'back' && <div class="banner back">The server is back.</div>}
    </div>
  );
}
