/** Searches again: at once, or every so often. */

import { useEffect } from 'preact/hooks';

import { Button, IconButton } from '../parts/button';
import { Icon } from '../parts/icon';
import { Popover } from '../parts/popover';
import { reload, running } from './run';
import { change, explore, REFRESH_SECONDS } from './state';

export function Refresh() {
  const { refresh } = explore.value;
  useRefresh(refresh);
  return (
    <div class="refresh" role="group" aria-label="Reload">
      <IconButton label="Reload (r)" icon="reload" onClick={reload} />
      <Popover
        label={refresh ? `Reloads every ${nameOf(refresh)}` : 'Reload every …'}
        align="right"
        class="plain square"
        button={
          <>
            {refresh ? <b class="refresh-every">{nameOf(refresh)}</b> : null}
            <Icon name="down" />
          </>
        }
      >
        {(close) => (
          <ul class="menu">
            {REFRESH_SECONDS.map((seconds) => (
              <li key={seconds}>
                <Button
                  kind="plain"
                  aria-pressed={seconds === refresh}
                  onClick={() => {
                    change({ refresh: seconds }, { replace: true });
                    close();
                  }}
                >
                  {seconds ? `Every ${nameOf(seconds)}` : 'Not by itself'}
                </Button>
              </li>
            ))}
          </ul>
        )}
      </Popover>
    </div>
  );
}

const nameOf = (seconds: number): string => (seconds < 60 ? `${seconds} s` : `${seconds / 60} min`);

/** From answer to answer, so that a slow one isn't overtaken; not while nobody sees the page, but at once when somebody does. */
function useRefresh(seconds: number): void {
  const waits = running.value;
  useEffect(() => {
    if (!seconds || waits) return;
    let isDue = false;
    const timer = setInterval(() => {
      isDue = true;
      if (!document.hidden) reload();
    }, seconds * 1_000);
    const seen = () => {
      if (!document.hidden && isDue) reload();
    };
    document.addEventListener('visibilitychange', seen);
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', seen);
    };
  }, [seconds, waits]);
}
