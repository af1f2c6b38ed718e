/** Keys that do things while nobody types into a field, and the list of them. */

import { signal } from '@preact/signals';
import { useLayoutEffect, useRef } from 'preact/hooks';

import { Dialog } from './dialog';

interface Shortcut {
  /** One key as of KeyboardEvent.key, or two after each other: `/`, `g e`. */
  keys: string;
  text: string;
  run: () => void;
}

const shortcuts = signal<readonly Shortcut[]>([]);
export const showShortcuts = signal(false);

/** The keys do that while the component is mounted. Of two with the same keys the one mounted last is meant. */
export function useShortcut(keys: string, text: string, run: () => void): void {
  const latest = useRef(run);
  latest.current = run;
  // Before it is painted: what one sees takes keys.
  useLayoutEffect(() => {
    const shortcut = { keys, text, run: () => latest.current() };
    shortcuts.value = [...shortcuts.value, shortcut];
    return () => {
      shortcuts.value = shortcuts.value.filter((one) => one !== shortcut);
    };
  }, [keys, text]);
}

const SECOND_KEY_MS = 1_500;
let first = '';
let at = 0;

addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event) || document.querySelector('dialog[open]')) return;
  if (event.key === '?') {
    showShortcuts.value = true;
    return;
  }
  // A button that has the focus is pressed by it.
  if (event.key === ' ' && (event.composedPath()[0] as Element).closest?.('button, summary, [role=button]')) return;
  const both = performance.now() - at < SECOND_KEY_MS ? `${first} ${event.key}` : '';
  const found = shortcuts.value.findLast(({ keys }) => keys === both) ?? shortcuts.value.findLast(({ keys }) => keys === event.key);
  first = event.key;
  at = performance.now();
  if (!found) return;
  event.preventDefault();
  first = '';
  found.run();
});

function isTyping(event: KeyboardEvent): boolean {
  // Of an editor in a shadow tree the event's target is only the host.
  const target = event.composedPath()[0] as HTMLElement;
  return target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName);
}

export function Shortcuts() {
  if (!showShortcuts.value) return null;
  const shown = new Map(shortcuts.value.map(({ keys, text }) => [keys, text]));
  return (
    <Dialog title="Keyboard shortcuts" onClose={() => (showShortcuts.value = false)}>
      <dl class="shortcuts">
        {[...shown, ['?', 'Show these'] as const].map(([keys, text]) => (
          <div key={keys}>
            <dt>
              {keys.split(' ').map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
