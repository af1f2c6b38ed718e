/** Whether the server answers. While it doesn't, it is asked until it does: the banner says so, and pages reload. */

import { signal } from '@preact/signals';

export type Connection = 'up' | 'lost' | 'back';

export const connection = signal<Connection>('up');
/** One more each time that the server is back: what loads again then takes it as an input. */
export const reconnects = signal(0);
/** When it is asked again, of Date.now(); 0 while it is being asked. */
export const nextAttemptAt = signal(0);
/** Whether this computer has a network at all, as far as the browser knows. */
export const online = signal(navigator.onLine);

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;
/** So that not all pages ask at once. */
const JITTER = 0.3;
const PATIENCE_MS = 10_000;
const SHOW_BACK_MS = 3_000;

let wake: (() => void) | undefined;
let showing: ReturnType<typeof setTimeout> | undefined;
let waiting = false;

/** Nobody answered, or a proxy in the server's place. */
export function lost(): void {
  if (connection.value === 'lost') return;
  clearTimeout(showing);
  connection.value = 'lost';
  if (waiting) wake?.();
  else void waitFor();
}

/** Somebody did. */
export function restored(): void {
  if (connection.value !== 'lost') return;
  connection.value = 'back';
  wake?.();
  reconnects.value += 1;
  showing = setTimeout(() => {
    if (connection.value === 'back') connection.value = 'up';
  }, SHOW_BACK_MS);
}

/** Asks now instead of later. */
export function tryNow(): void {
  wake?.();
}

async function waitFor(): Promise<void> {
  waiting = true;
  for (let pause = FIRST_PAUSE_MS; connection.value === 'lost'; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
    await sleep(pause * (1 + JITTER * Math.random()));
    if (connection.value !== 'lost') break;
    if (await answers()) restored();
  }
  waiting = false;
}

/** Until `tryNow`, at most so long. */
function sleep(ms: number): Promise<void> {
  nextAttemptAt.value = Date.now() + ms;
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    wake = done;
    function done() {
      clearTimeout(timer);
      wake = undefined;
      nextAttemptAt.value = 0;
      resolve();
    }
  });
}

/** /healthz is 200 whenever the server runs: a proxy's 502 isn't the server. */
async function answers(): Promise<boolean> {
  try {
    return (await fetch('/healthz', { cache: 'no-store', signal: AbortSignal.timeout(PATIENCE_MS) })).ok;
  } catch {
    return false;
  }
}

/** A server on the same computer, or behind a tunnel that is still there, doesn't need the network. */
async function look(): Promise<void> {
  online.value = navigator.onLine;
  if (connection.value === 'lost') tryNow();
  else if (!(await answers())) lost();
}

addEventListener('online', () => void look());
addEventListener('offline', () => void look());
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible' && connection.value === 'lost') tryNow();
});
