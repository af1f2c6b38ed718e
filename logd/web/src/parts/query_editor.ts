/** The editor of queries, by CodeMirror: a chunk of its own, loaded when a query bar is first shown. */

import {
  acceptCompletion,
  autocompletion,
  closeBrackets,
  closeBracketsKeymap,
  closeCompletion,
  completionStatus,
  moveCompletionSelection,
  selectedCompletionIndex,
  startCompletion,
} from '@codemirror/autocomplete';
import { history, historyKeymap, insertNewline, standardKeymap } from '@codemirror/commands';
import { EditorState, Prec } from '@codemirror/state';
import { EditorView, keymap, placeholder, type Command } from '@codemirror/view';

import type { Range } from '../state/time';
import { colours } from './query_colours';
import { completeQuery } from './query_completion';
import { look } from './query_look';
import { setWrong, wrongMarks, type Wrong } from './query_marks';

export interface EditorWants {
  label: string;
  text: string;
  placeholder: string;
  onChange: (text: string) => void;
  onSubmit: (text: string) => void;
  /** The query before or after that one, of those that were asked for; undefined lets the cursor move. */
  onStep: (text: string, by: -1 | 1) => string | undefined;
  range: () => Range | undefined;
}

export interface QueryEditor {
  set: (text: string) => void;
  mark: (wrong: Wrong | undefined) => void;
  focus: (from?: number, to?: number) => void;
  destroy: () => void;
}

/** An editor within the shadow tree. */
export function makeEditor(root: ShadowRoot, wants: EditorWants): QueryEditor {
  const view = new EditorView({
    root,
    parent: root,
    state: EditorState.create({ doc: wants.text, extensions: extensionsOf(wants) }),
  });
  return {
    set(text) {
      if (text !== view.state.doc.toString()) put(view, text);
    },
    mark: (wrong) => view.dispatch({ effects: setWrong.of(wrong) }),
    focus(from, to = from) {
      view.focus();
      const end = view.state.doc.length;
      view.dispatch({ selection: { anchor: Math.min(from ?? end, end), head: Math.min(to ?? end, end) } });
    },
    destroy: () => view.destroy(),
  };
}

function extensionsOf(wants: EditorWants) {
  return [
    history(),
    EditorView.lineWrapping,
    placeholder(wants.placeholder),
    EditorView.contentAttributes.of({ 'aria-label': wants.label, spellcheck: 'false', autocapitalize: 'off', autocorrect: 'off', enterkeyhint: 'search' }),
    EditorState.languageData.of(() => [{ closeBrackets: { brackets: ['(', '"'] } }]),
    closeBrackets(),
    autocompletion({
      override: [completeQuery(wants.range)],
      // Enter asks, unless one chose something.
      selectOnOpen: false,
      defaultKeymap: false,
      icons: false,
      interactionDelay: 0,
      maxRenderedOptions: 40,
      activateOnTypingDelay: 80,
    }),
    Prec.highest(keymap.of(keysOf(wants))),
    keymap.of([...closeBracketsKeymap, ...historyKeymap, ...standardKeymap]),
    colours,
    wrongMarks,
    look,
    EditorView.updateListener.of((update) => {
      if (update.docChanged) wants.onChange(update.state.doc.toString());
    }),
  ];
}

function keysOf({ onSubmit, onStep }: EditorWants) {
  const choosing = (view: EditorView) => completionStatus(view.state) === 'active';
  const step =
    (by: -1 | 1): Command =>
    (view) => {
      if (choosing(view)) return moveCompletionSelection(by === 1)(view);
      const { state } = view;
      const line = state.doc.lineAt(state.selection.main.head).number;
      if (line !== (by === -1 ? 1 : state.doc.lines)) return false;
      const text = onStep(state.doc.toString(), by);
      if (text === undefined) return false;
      put(view, text);
      return true;
    };
  const accept: Command = (view) => choosing(view) && selectedCompletionIndex(view.state) !== null && acceptCompletion(view);
  return [
    { key: 'ArrowUp', run: step(-1) },
    { key: 'ArrowDown', run: step(1) },
    { key: 'PageUp', run: moveCompletionSelection(false, 'page') },
    { key: 'PageDown', run: moveCompletionSelection(true, 'page') },
    { key: 'Escape', run: closeCompletion },
    { key: 'Ctrl-Space', run: startCompletion },
    {
      key: 'Tab',
      // The first one, where none is chosen: people who type fast don't look down.
      run: (view: EditorView) => choosing(view) && (accept(view) || (moveCompletionSelection(true)(view) && acceptCompletion(view))),
    },
    {
      key: 'Enter',
      run: (view: EditorView) => {
        if (accept(view)) return true;
        closeCompletion(view);
        onSubmit(view.state.doc.toString());
        return true;
      },
      shift: insertNewline,
    },
    { key: 'Mod-Enter', run: (view: EditorView) => (onSubmit(view.state.doc.toString()), true) },
  ];
}

function put(view: EditorView, text: string): void {
  view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text }, selection: { anchor: text.length } });
}
