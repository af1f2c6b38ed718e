/** Whether the server answers. While it doesn't, it is asked until it does: the banner says so, and pages reload. */

import { signal } from '@preact/signals';

export type Connection = 'up' | 'lost' | 'back';

export const connection = signal<Connection>('up');
/** One more each time that the server is back: what loads again then takes it as an input. */
export const reconnects = signal(0);

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;
const SHOW_BACK_MS = 3_000;

/** Nobody answered. */
export function lost(): void {
  if (connection.value === 'lost') return;
  connection.value = 'lost';
  void waitFor();
}

/** Somebody did. */
export function restored(): void {
  if (connection.value !== 'lost') return;
  connection.value = 'back';
  reconnects.value += 1;
  setTimeout(() => {
    if (connection.value === 'back') connection.value = 'up';
  }, SHOW_BACK_MS);
}

async function waitFor(): Promise<void> {
  for (let pause = FIRST_PAUSE_MS; connection.value === 'lost'; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
    await new Promise((resolve) => {
      setTimeout(resolve, pause);
      addEventListener('online', resolve, { once: true });
    });
    try {
      await fetch('/healthz', { cache: 'no-store' });
      restored();
    } catch {
      // Still away.
    }
  }
}
