/** Where a query is typed: with completion, colours, history, and what is wrong marked where it is. */

import './query_bar.css';

import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';

import type { ApiError } from '../api/client';
import type { Range } from '../state/time';
import { useChecked } from './query_check';
import type { QueryEditor } from './query_editor';
import { remember, stepped } from './query_history';
import { QueryHistory } from './query_past';
import { useShortcut } from './shortcuts';

export interface QueryBarProps {
  label: string;
  /** The query that is in force. */
  value: string;
  /** Enter was pressed. */
  onSubmit: (text: string) => void;
  /** What the server says of `value`: shown below it, its column marked. */
  error?: ApiError | undefined;
  /** Where values for completion come from; the last hour unless told. */
  range?: Range;
  /** Called while one types, too. */
  onChange?: (text: string) => void;
}

const HINT = 'Search: timeout AND NOT level:DEBUG';

export function QueryBar({ label, value, onSubmit, onChange, error, range }: QueryBarProps) {
  const [text, setText] = useState(value);
  const latest = useRef({ text, value, onSubmit, onChange, range });
  latest.current = { text, value, onSubmit, onChange, range };
  const editor = useRef<QueryEditor>(undefined);
  const plain = useRef<HTMLInputElement>(null);
  const [ready, setReady] = useState(false);
  const checked = useChecked(text, value, error?.column ? error : undefined);

  const change = useCallback((next: string) => {
    latest.current.text = next;
    setText(next);
    latest.current.onChange?.(next);
  }, []);
  const submit = useCallback((asked: string) => {
    remember(asked);
    latest.current.onSubmit(asked);
  }, []);
  const show = (next: string) => {
    change(next);
    editor.current?.set(next);
    editor.current?.focus();
  };

  // Before anything else is typed: an older text that comes back after a newer one would undo that one, and so on for ever.
  useLayoutEffect(() => {
    if (value !== latest.current.text) {
      latest.current.text = value;
      setText(value);
      editor.current?.set(value);
    }
  }, [value]);
  const holder = useCallback((element: HTMLDivElement | null) => {
    if (!element) {
      editor.current?.destroy();
      editor.current = undefined;
      return;
    }
    void import('./query_editor').then(
      ({ makeEditor }) => {
        if (!element.isConnected || editor.current) return;
        const before = plain.current;
        const wants = {
          label,
          text: latest.current.text,
          placeholder: HINT,
          onChange: change,
          onSubmit: submit,
          onStep: (now: string, by: -1 | 1) => stepped(now, latest.current.value, by),
          range: () => latest.current.range,
        };
        editor.current = makeEditor(element.shadowRoot ?? element.attachShadow({ mode: 'open', delegatesFocus: true }), wants);
        // What is hidden takes no focus.
        element.hidden = false;
        if (before && before === document.activeElement) editor.current.focus(before.selectionStart ?? undefined, before.selectionEnd ?? undefined);
        setReady(true);
      },
      // The plain field does without.
      () => undefined,
    );
  }, []);
  useEffect(() => {
    editor.current?.mark(checked.error);
  }, [checked.error, ready, text]);
  useShortcut('/', 'Go to the query', () => (editor.current ? editor.current.focus() : plain.current?.focus()));

  return (
    <div class="query-bar">
      <div class={`query-field ${checked.error ? 'is-wrong' : ''}`}>
        <div ref={holder} class="query-editor" hidden={!ready} />
        {!ready && (
          <input
            ref={plain}
            type="text"
            enterkeyhint="search"
            spellcheck={false}
            autocapitalize="off"
            autocomplete="off"
            aria-label={label}
            value={text}
            placeholder={HINT}
            onInput={(event) => change(event.currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key !== 'Enter') return;
              event.preventDefault();
              submit(text);
            }}
          />
        )}
        {text !== value && (
          <button type="button" class="query-ask" title="Search (Enter)" onClick={() => submit(text)}>
            <kbd aria-hidden="true">↵</kbd>
            <span class="unseen">Search</span>
          </button>
        )}
        <QueryHistory onChoose={show} />
      </div>
      {checked.error && (
        <p class={`query-wrong wrong ${checked.isTyped ? 'is-typed' : ''}`} role={checked.isTyped ? 'status' : 'alert'}>
          {checked.error.message}
        </p>
      )}
    </div>
  );
}
