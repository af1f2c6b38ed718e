/** Links to what is shown. */

import { Button } from '../parts/button';
import { copy } from '../parts/copy';
import { Icon } from '../parts/icon';
import { Popover } from '../parts/popover';
import { isRelative } from '../state/moves';
import { rangeText } from '../state/time';
import { explore, exploreLink, type Pinned } from './state';

export function ShareMenu({ pinned }: { pinned: Pinned }) {
  const state = explore.value;
  const moves = isRelative(state.range.from) || isRelative(state.range.to);
  const share = (range: typeof state.range, close: () => void) => {
    void copy(new URL(exploreLink({ ...state, range }), location.origin).href, 'the link');
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
            <Button kind="plain" icon="copy" onClick={() => share({ from: pinned.from, to: pinned.to }, close)}>
              <span>
                Link to these lines
                <small class="hint">The time stays as it is now</small>
              </span>
            </Button>
          </li>
          {moves && (
            <li>
              <Button kind="plain" icon="copy" onClick={() => share(state.range, close)}>
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
