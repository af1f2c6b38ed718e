/** Who asks: a token of the API, kept in this browser until it is forgotten. */

import { effect, signal } from '@preact/signals';

import { reconnects } from './connection';
import { persisted } from './settings';

export const token = persisted('token', '');
/** The server wants another one. */
export const needsToken = signal(false);

/** What a token may be: a header takes nothing else. */
export const TOKEN = /^[\x21-\x7e]+$/;

/** The server has refused what was asked with that token. It may be an old one by now. */
export function refused(used: string): void {
  if (used === token.peek()) needsToken.value = true;
}

// In this tab or another one. Who has signed out leaves nothing that was shown; who is somebody else asks for all anew.
let shown = token.peek();
effect(() => {
  const now = token.value;
  if (now === shown) return;
  shown = now;
  if (!now) location.reload();
  else {
    needsToken.value = false;
    reconnects.value = reconnects.peek() + 1;
  }
});
