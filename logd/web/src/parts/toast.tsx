/** Short news at the edge of the page. Errors stay until they are closed. */

import { signal } from '@preact/signals';

import { IconButton } from './button';
import { Text } from './text';

interface Toast {
  number: number;
  kind: 'good' | 'bad';
  text: string;
}

const SHOWN_MS = 5_000;
const toasts = signal<readonly Toast[]>([]);
let last = 0;

export function toast(text: string, kind: Toast['kind'] = 'good'): void {
  last += 1;
  const number = last;
  toasts.value = [...toasts.value.slice(-3), { number, kind, text }];
  if (kind === 'good') setTimeout(() => close(number), SHOWN_MS);
}

/** Says what went wrong. */
export function toastError(error: unknown): void {
  toast(error instanceof Error ? error.message : String(error), 'bad');
}

function close(number: number): void {
  toasts.value = toasts.value.filter((one) => one.number !== number);
}

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map(({ number, kind, text }) => (
        <div key={number} class={`toast ${kind}`}>
          <span>
            <Text of={text} />
          </span>
          <IconButton label="Close" icon="close" onClick={() => close(number)} />
        </div>
      ))}
    </div>
  );
}
