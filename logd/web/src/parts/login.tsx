/** Asks for a token when the server wants one. */

import { useState } from 'preact/hooks';

import { reconnects } from '../state/connection';
import { needsToken, token } from '../state/session';
import { Button } from './button';
import { Dialog } from './dialog';

export function Login() {
  const [text, setText] = useState('');
  const [wrong, setWrong] = useState('');
  if (!needsToken.value) return null;
  const enter = async (event: Event) => {
    event.preventDefault();
    const answer = await fetch('/api/v1/status', { headers: { Authorization: `Bearer ${text.trim()}` } }).catch(() => undefined);
    if (!answer || answer.status === 401) {
      setWrong(answer ? 'The server doesn’t know this token, or it has expired.' : 'The server can’t be reached.');
      return;
    }
    token.value = text.trim();
    needsToken.value = false;
    // Everything that was refused is asked for again.
    reconnects.value += 1;
  };
  return (
    <Dialog title="Who are you?" onClose={() => (needsToken.value = false)}>
      <form onSubmit={enter} class="stack">
        <label>
          Token
          <input type="password" autocomplete="current-password" value={text} onInput={(event) => setText(event.currentTarget.value)} placeholder="logd_…" autofocus required />
        </label>
        {wrong && (
          <p class="wrong" role="alert">
            {wrong}
          </p>
        )}
        <p class="hint">
          Tokens are made by <code>logd token create</code>, or on the page Admin. This browser keeps it until you sign out.
        </p>
        <Button type="submit" kind="primary">
          Sign in
        </Button>
      </form>
    </Dialog>
  );
}
