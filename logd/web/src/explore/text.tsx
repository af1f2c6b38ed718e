/** Text of log lines in the page: always as text, in pieces of which terms are marked and escapes look like such. */

import { pieces, type Spans } from './highlight';

interface TextProps {
  of: string;
  spans?: Spans | undefined;
  /** As one line: newlines are escapes. */
  line?: boolean;
}

export function Text({ of, spans = [], line = false }: TextProps) {
  const found = pieces(of, spans, { line });
  if (found.length === 1 && found[0]!.kind === 'text') return <>{found[0]!.text}</>;
  return (
    <>
      {found.map(({ text, kind }, number) =>
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
