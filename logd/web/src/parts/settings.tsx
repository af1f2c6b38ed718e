/** Theme, time zone, and who one is. */

import { needsToken, token } from '../state/session';
import { theme, wrap, zone, type Theme } from '../state/settings';
import { Button } from './button';
import { Icon } from './icon';
import { Popover } from './popover';
import { showShortcuts } from './shortcuts';

export function Settings() {
  return (
    <Popover button={<Icon name="gear" />} label="Settings" align="right" class="plain square">
      {(close) => (
        <div class="stack">
          <label>
            Theme
            <select value={theme.value} onChange={(event) => (theme.value = event.currentTarget.value as Theme)}>
              <option value="auto">As the system</option>
              <option value="light">Light</option>
              <option value="dark">Dark</option>
            </select>
          </label>
          <label>
            Time zone
            <select value={zone.value} onChange={(event) => (zone.value = event.currentTarget.value)}>
              <option value="local">This browser’s</option>
              <option value="UTC">UTC</option>
              {Intl.supportedValuesOf('timeZone').map((name) => (
                <option key={name}>{name}</option>
              ))}
            </select>
          </label>
          <label class="inline">
            <input type="checkbox" checked={wrap.value} onChange={(event) => (wrap.value = event.currentTarget.checked)} /> Wrap long lines
          </label>
          <Button
            kind="plain"
            onClick={() => {
              close();
              showShortcuts.value = true;
            }}
          >
            Keyboard shortcuts <kbd>?</kbd>
          </Button>
          {token.value ? (
            <Button kind="plain" onClick={() => (token.value = '')}>
              Sign out
            </Button>
          ) : (
            <Button kind="plain" onClick={() => (needsToken.value = true)}>
              Sign in with a token
            </Button>
          )}
        </div>
      )}
    </Popover>
  );
}
