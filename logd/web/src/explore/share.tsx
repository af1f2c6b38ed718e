/** Links to what is shown. */

import { Button } from '../parts/button';
import { Icon } from '../parts/icon';
import { Popover } from '../parts/popover';
import { toast } from '../parts/toast';
import { isRelative } from '../state/moves';
import { rangeText } from '../state/time';
import { explore, exploreLink, type Pinned } from './state';

export function ShareMenu({ pinned }: { pinned: Pinned }) {
  const state = explore.value;
  const moves = isRelative(state.range.from) || isRelative(state.range.to);
  const copy = (range: typeof state.range, close: () => void) => {
    void copyText(new URL(exploreLink({ ...state, range }), location.origin).href);
    close();
  };
  return (
    <Popover
      label="Share"
      align="right"
      class="share"
      button={
        <>
          <Icon name="link" />
          <span>Share</span>
        </>
      }
    >
      {(close) => (
        <ul class="menu">
          <li>
            <Button kind="plain" icon="copy" onClick={() => copy({ from: pinned.from, to: pinned.to }, close)}>
              <span>
                Link to these lines
                <small class="hint">The time stays as it is now</small>
              </span>
            </Button>
          </li>
          {moves && (
            <li>
              <Button kind="plain" icon="copy" onClick={() => copy(state.range, close)}>
                <span>
                  Link to this search
                  <small class="hint">{rangeText(state.range)}, whenever it is opened</small>
                </span>
              </Button>
            </li>
          )}
        </ul>
      )}
    </Popover>
  );
}

async function copyText(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toast('The link is copied');
  } catch {
    // Without HTTPS, or when the browser's owner says no.
    toast(`The browser doesn’t let pages copy. This is the link: ${text}`, 'bad');
  }
}
