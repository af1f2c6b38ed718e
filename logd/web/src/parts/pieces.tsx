/** Pieces of a text in the page: always as text, with what is marked, and with escapes that look like such. */

import type { Piece } from './visible';

export function Pieces({ of }: { of: readonly Piece[] }) {
  if (of.length === 1 && of[0]!.kind === 'text') return <>{of[0]!.text}</>;
  return (
    <>
      {of.map(({ text, kind }, number) =>
        kind === 'mark' ? (
          <mark key={number}>{text}</mark>
        ) : kind === 'escape' ? (
          <span key={number} class="escape">
            {text}
          </span>
        ) : (
          text
        ),
      )}
    </>
  );
}
