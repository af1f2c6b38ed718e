/** How the editor looks. It is in a shadow tree, as the page's policy takes style sheets but no style elements; colours
 * are the page's. */

import { EditorView } from '@codemirror/view';

export const look = EditorView.theme({
  '&': { backgroundColor: 'transparent', color: 'var(--text)', fontSize: '13px' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '20px', maxHeight: '124px', overflow: 'auto' },
  '.cm-content': { padding: '4px 0', caretColor: 'var(--text)', minHeight: '20px' },
  '.cm-line': { padding: '0 8px' },
  '.cm-placeholder': { color: 'var(--text-soft)' },
  '.cm-cursor': { borderLeftColor: 'var(--text)' },
  '.cm-field': { color: 'var(--level-info)' },
  '.cm-string': { color: 'var(--good)' },
  '.cm-regexp': { color: 'var(--series-5)' },
  '.cm-range': { color: 'var(--series-4)' },
  '.cm-operator': { color: 'var(--warning)', fontWeight: '600' },
  '.cm-bracket': { backgroundColor: 'var(--surface-chosen)', borderRadius: '2px' },
  '.cm-bracket-alone': { color: 'var(--danger)' },
  '.cm-wrong': { textDecoration: 'underline wavy var(--danger)', textDecorationSkipInk: 'none', textUnderlineOffset: '3px' },
  '.cm-wrong-gap': { display: 'inline-block', width: '7px', height: '14px', verticalAlign: 'text-bottom', borderBottom: '2px solid var(--danger)' },
  '.cm-tooltip.cm-tooltip-below': { marginTop: '6px' },
  '.cm-tooltip': {
    zIndex: '30',
    border: '1px solid var(--line)',
    borderRadius: 'var(--radius)',
    backgroundColor: 'var(--surface-raised)',
    color: 'var(--text)',
    boxShadow: 'var(--shadow)',
  },
  '.cm-wrong-tip': { padding: '4px 8px', maxWidth: '420px', font: '13px/1.4 var(--font)' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul': { fontFamily: 'var(--mono)', fontSize: '12.5px', maxHeight: '320px', minWidth: '240px', maxWidth: 'min(620px, 92vw)', padding: '4px' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li': { display: 'flex', gap: '12px', padding: '2px 8px', borderRadius: '4px', lineHeight: '20px' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]': { backgroundColor: 'var(--surface-chosen)', color: 'var(--text)' },
  '.cm-completionLabel': { flex: '1', minWidth: '0', overflow: 'hidden', textOverflow: 'ellipsis' },
  '.cm-completionMatchedText': { textDecoration: 'none', fontWeight: '700', color: 'var(--accent)' },
  '.cm-completionDetail': { margin: '0', fontStyle: 'normal', color: 'var(--text-soft)', fontFamily: 'var(--font)' },
});
