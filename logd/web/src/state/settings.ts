/** What a person likes, kept in this browser. */

import { effect, signal, type Signal } from '@preact/signals';

/** A signal whose value outlives the page. Another tab's change comes here too. */
export function persisted<T>(name: string, initial: T): Signal<T> {
  const key = `logd.${name}`;
  const kept = signal<T>(parsed(read(key), initial));
  effect(() => {
    const text = JSON.stringify(kept.value);
    if (text === JSON.stringify(initial)) remove(key);
    else write(key, text);
  });
  addEventListener('storage', (event) => {
    // Without a key all of it was cleared.
    if (event.key === key || event.key === null) kept.value = parsed(event.newValue, initial);
  });
  return kept;
}

export type Theme = 'auto' | 'dark' | 'light';

export const theme = persisted<Theme>('theme', 'auto');
/** `local`, or a name of the IANA's such as UTC. */
export const zone = persisted('zone', 'local');
/** Whether long lines are shown whole. */
export const wrap = persisted('wrap', false);

const dark = matchMedia('(prefers-color-scheme: dark)');
/** Whether the page is dark now. */
export const isDark = signal(dark.matches);

effect(() => {
  const chosen = theme.value;
  const update = () => {
    isDark.value = chosen === 'auto' ? dark.matches : chosen === 'dark';
    document.documentElement.dataset.theme = isDark.value ? 'dark' : 'light';
  };
  update();
  dark.addEventListener('change', update);
  return () => dark.removeEventListener('change', update);
});

// A browser may refuse to keep anything.
function read(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function write(key: string, text: string): void {
  try {
    localStorage.setItem(key, text);
  } catch {
    // It lasts as long as the page, then.
  }
}

function remove(key: string): void {
  try {
    localStorage.removeItem(key);
  } catch {
    // Nothing was kept.
  }
}

function parsed<T>(text: string | null, initial: T): T {
  if (text === null) return initial;
  try {
    return JSON.parse(text) as T;
  } catch {
    return initial;
  }
}
