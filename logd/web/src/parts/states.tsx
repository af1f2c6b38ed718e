/** What is shown where there is nothing to show: yet, at all, or because of an error. */

import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';

import type { ApiError } from '../api/client';
import { durationText } from '../state/time';
import { Button } from './button';
import { Icon } from './icon';
import { Text } from './text';

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="state">
      <h2>{title}</h2>
      {children && <p>{children}</p>}
    </div>
  );
}

/** What to do about it, by what it is. */
const ADVICE: Record<number, string> = {
  0: 'This page goes on by itself when the server is back.',
  401: 'A token is needed for this.',
  403: 'Your token isn’t allowed to do this.',
  429: 'The server has as many heavy requests as it can take. Try again in a moment.',
  503: 'A part of the server isn’t there just now.',
  504: 'It took longer than it may. A shorter time range, or a word that is rarer, takes less.',
};

export function Failed({ error, retry }: { error: ApiError; retry?: (() => void) | undefined }) {
  return (
    <div class="state failed" role="alert">
      <Icon name="warning" />
      <h2>
        <Text of={error.message} />
      </h2>
      <p>
        {ADVICE[error.status] ?? ''} {error.where && !error.column && <code>{error.where}</code>}
      </p>
      {retry && (
        <Button icon="reload" onClick={retry}>
          Try again
        </Button>
      )}
    </div>
  );
}

const SLOW_MS = 800;

/** A moving line; after a second also for how long it has run, and a way to end it. `began` is of performance.now(). */
export function Loading({ began, cancel, what = 'Loading' }: { began: number; cancel?: () => void; what?: string }) {
  const [now, setNow] = useState(performance.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(performance.now()), 100);
    return () => clearInterval(timer);
  }, []);
  const ms = now - began;
  return (
    <div class="loading" role="status">
      <div class="progress" />
      {ms > SLOW_MS && (
        <span class="loading-text">
          {what} for {durationText(ms)}
          {cancel && (
            <Button kind="plain" icon="close" onClick={cancel}>
              Cancel
            </Button>
          )}
        </span>
      )}
    </div>
  );
}

/** That an answer isn't whole, and why. */
export function Warnings({ of }: { of: { partial?: true; warnings?: string[] } | undefined }) {
  if (!of?.warnings?.length) return null;
  return (
    <div class={of.partial ? 'warnings partial' : 'warnings'} role="status">
      <Icon name="warning" />
      <span>
        {of.partial && <strong>Not all is here: </strong>}
        <Text of={of.warnings.join(' · ')} />
      </span>
    </div>
  );
}
