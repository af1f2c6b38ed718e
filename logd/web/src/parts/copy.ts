/** The clipboard. */

import { toast } from './toast';

/** Says that it did, or that the browser wouldn't. */
export async function copy(text: string, what: string): Promise<void> {
  try {
    // Over plain HTTP browsers have no clipboard, but for the old way.
    if (navigator.clipboard) await navigator.clipboard.writeText(text);
    else if (!copyByHand(text)) throw new Error('no clipboard');
    toast(`Copied ${what}.`);
  } catch {
    toast('The browser doesn’t let this page copy.', 'bad');
  }
}

function copyByHand(text: string): boolean {
  const area = document.createElement('textarea');
  area.value = text;
  area.style.position = 'fixed';
  area.style.opacity = '0';
  const before = document.activeElement as HTMLElement | null;
  (document.querySelector('dialog[open]') ?? document.body).append(area);
  area.select();
  const done = document.execCommand('copy');
  area.remove();
  before?.focus();
  return done;
}
