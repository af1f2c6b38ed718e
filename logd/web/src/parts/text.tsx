/** Text of log lines in the page: always as text, in pieces of which terms are marked and escapes look like such. */

import { Pieces } from './pieces';
import { blocks, pieces, type Spans } from './visible';

interface TextProps {
  of: string;
  spans?: Spans | undefined;
  /** As one line: newlines are escapes. */
  line?: boolean;
}

export function Text({ of, spans = [], line = false }: TextProps) {
  return <Pieces of={pieces(of, spans, { line })} />;
}

/** A text of any length, as blocks that are only laid out when they are seen. */
export function LongText({ of, spans = [] }: TextProps) {
  const made = blocks(pieces(of, spans));
  if (made.length === 1) return <Pieces of={made[0]!} />;
  return (
    <>
      {made.map((block, number) => (
        <span key={number} class="text-block">
          <Pieces of={block} />
        </span>
      ))}
    </>
  );
}
