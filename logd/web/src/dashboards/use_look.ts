/** When a dashboard looks again: by its interval, not in a hidden tab, and at once when the tab is seen again. */

import { useCallback, useEffect, useState } from 'preact/hooks';

import type { Look } from './use_panel';

/** Others look at the same panels: what they were told lately is as good, but not what this page itself was told last. */
const FRESH = 0.8;
/** Of a dashboard that doesn't look again. */
const ONCE_SECONDS = 24;

export function useLook(seconds: number): { look: Look; again: () => void } {
  const maxAge = seconds ? Math.floor(FRESH * seconds) : ONCE_SECONDS;
  const [look, setLook] = useState<Look>({ turn: 0, maxAge });
  useEffect(() => {
    if (!seconds) return;
    let last = Date.now();
    const next = () => {
      if (document.hidden || Date.now() - last < 1_000 * seconds) return;
      last = Date.now();
      setLook(({ turn }) => ({ turn: turn + 1, maxAge }));
    };
    const timer = setInterval(next, 500);
    document.addEventListener('visibilitychange', next);
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', next);
    };
  }, [seconds]);
  const again = useCallback(() => setLook(({ turn }) => ({ turn: turn + 1, maxAge: 0 })), []);
  return { look, again };
}
