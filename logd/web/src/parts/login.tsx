/** Asks for a token when the server wants one. */

import { useState } from 'preact/hooks';

import { reconnects } from '../state/connection';
import { needsToken, TOKEN, token } from '../state/session';
import { Button } from './button';
import { Dialog } from './dialog';

export function Login() {
  const [text, setText] = useState('');
  const [wrong, setWrong] = useState('');
  const [busy, setBusy] = useState(false);
  if (!needsToken.value) return null;
  const enter = async (event: Event) => {
    event.preventDefault();
    const typed = text.trim();
    setBusy(true);
    const problem = await problemOf(typed);
    setBusy(false);
    setWrong(problem);
    if (problem) return;
    setText('');
    // Everything that was refused is asked for again, also when it was another one's fault.
    if (token.value === typed) reconnects.value += 1;
    token.value = typed;
    needsToken.value = false;
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
        <Button type="submit" kind="primary" disabled={busy}>
          Sign in
        </Button>
      </form>
    </Dialog>
  );
}

/** Why the server doesn't take it; empty when it does. What it may is another question. */
async function problemOf(typed: string): Promise<string> {
  if (!TOKEN.test(typed)) return 'A token has only letters, digits and signs of ASCII, without blanks.';
  const answer = await fetch('/api/v1/status', { headers: { Authorization: `Bearer ${typed}` } }).catch(() => undefined);
  if (!answer) return 'The server can’t be reached.';
  if (answer.status === 401) return 'The server doesn’t know this token, or it has expired.';
  return answer.ok || answer.status === 403 ? '' : `The server can’t say just now: it answered ${answer.status}.`;
}
