/** A row of the tail: a line, or what is to be said between two of them. */

import { memo } from './memo';
import { countText } from '../state/numbers';
import { timeText } from '../state/time';
import { Pieces } from '../parts/pieces';
import { cut, escaped, piecesWith, type Marker } from '../parts/visible';
import { Fields } from './fields';
import type { Content, Hit, Row } from './ring';
import type { Column } from './state';

/** More of a message isn't in the list: its fields show it. */
const MOST_IN_LINE = 500;
const MOST_WRAPPED = 4_000;
const LINE_PX = 20;
/** Of a message that is wrapped, in a window of a common width. */
const CHARACTERS_A_LINE = 120;

/** What all rows have in common. */
export interface Look {
  columns: readonly Column[];
  marker: Marker | undefined;
  wrapped: boolean;
  zone: string;
  /** Rows that run by are no place for the keyboard. */
  still: boolean;
}

interface TailRowProps {
  row: Row;
  look: Look;
  open: boolean;
  onToggle: (key: number) => void;
}

/** What a row takes that was never drawn, probably, in pixels. Were it too little, more rows than are seen would be drawn. */
export function guessed({ content }: Row, { wrapped }: Look): number {
  if (!wrapped || content.kind !== 'line') return LINE_PX;
  return LINE_PX * Math.max(1, Math.ceil(Math.min(message(content.hit).length, MOST_WRAPPED) / CHARACTERS_A_LINE));
}

export const TailRow = memo(({ row, look, open, onToggle }: TailRowProps) => {
  const { content } = row;
  if (content.kind !== 'line') return <Note content={content} />;
  const { hit } = content;
  return (
    <div class={`tail-row ${look.wrapped ? 'wrapped' : ''} ${open ? 'open' : ''}`} data-id={hit.log_id} data-key={row.key}>
      <div
        class={`tail-line ${(hit.level ?? 'none').toLowerCase()}`}
        role="button"
        tabIndex={look.still ? 0 : -1}
        aria-expanded={open}
        onKeyDown={(event) => {
          if (event.target !== event.currentTarget || (event.key !== 'Enter' && event.key !== ' ')) return;
          event.preventDefault();
          onToggle(row.key);
        }}
        onClick={() => {
          // Who has marked text wants to copy it.
          if (!String(getSelection())) onToggle(row.key);
        }}
      >
        {look.columns.includes('time') && <time title={hit.timestamp}>{hit.timestamp ? timeText(Date.parse(hit.timestamp), { date: false }) : '–'}</time>}
        {look.columns.includes('level') && <span class={`level ${(hit.level ?? 'none').toLowerCase()}`}>{hit.level ?? '–'}</span>}
        {look.columns.includes('service') && <span class="tail-from">{plain(hit.service)}</span>}
        {look.columns.includes('host') && <span class="tail-from">{plain(hit.host)}</span>}
        <span class="tail-message" dir="auto">
          <Marked of={shortened(message(hit), look.wrapped ? MOST_WRAPPED : MOST_IN_LINE)} marker={look.marker} />
        </span>
      </div>
      {open && <Fields hit={hit} marker={look.marker} />}
    </div>
  );
});

export function Marked({ of, marker }: { of: string; marker?: Marker | undefined }) {
  return <Pieces of={piecesWith(of, marker)} />;
}

function Note({ content }: { content: Exclude<Content, { kind: 'line' }> }) {
  return (
    <div class={`tail-note ${content.kind}`} role="note">
      <span>{said(content)}</span>
    </div>
  );
}

function said(content: Exclude<Content, { kind: 'line' }>): string {
  if (content.kind === 'missed') return `missed ${countText(content.lines)} ${content.lines === 1 ? 'line' : 'lines'}`;
  if (content.kind === 'gap') return 'gap: the lines between are no longer in the server’s queue';
  return `the server ended the tail: ${content.reason}`;
}

function message(hit: Hit): string {
  return hit.message ?? '';
}

function plain(value: string | null | undefined): string {
  return escaped(value ?? '–', { line: true });
}

function shortened(text: string, most: number): string {
  const found = cut(text, most);
  return found.length < text.length ? `${found}…` : found;
}
