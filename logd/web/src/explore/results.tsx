/** The lines that are found: as many as one scrolls to, each opened to all that it has. */

import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';

import { jsonText } from '../api/json';
import { useShortcut } from '../parts/shortcuts';
import { Failed, Loading, Warnings } from '../parts/states';
import { VirtualList } from '../parts/virtual_list';
import { reconnects } from '../state/connection';
import { wrap, zone } from '../state/settings';
import { timeText } from '../state/time';
import { Head, layoutOf } from './columns';
import { copy } from '../parts/copy';
import type { Look } from './line';
import { contextOf, searchOf } from './links';
import { Cancelled, NothingFound } from './nothing_found';
import { plain, type Hit } from './record';
import { Row } from './row';
import { usePages } from './pages';
import { useRunning } from './run';
import { change, explore, openContext, type Pinned } from './state';
import { Summary } from './summary';
import { End } from './list_end';

const ROW_HEIGHT = 24;
const HEAD_HEIGHT = 28;
/** What the widths of columns are made of. */
const LOOKED_AT = 200;

export function Results({ pinned }: { pinned: Pinned }) {
  const state = explore.value;
  const pages = usePages(searchOf(state, pinned), pinned.turn);
  const [chosen, setChosen] = useState<number | undefined>(undefined);
  const at = useRef(chosen);
  // What one points at is there already: only keys scroll.
  const [shown, setShown] = useState<number | undefined>(undefined);
  const opened = useMemo(() => new Set(state.open), [state.open.join('\n')]);
  // Of a link: the line that it opens is looked for among the first lines, once.
  const linked = useRef(state.open[0]);
  const { first, count } = pages;
  useRunning(pages.loading);
  // Another search's lines have heights and a place of their own.
  const run = useRef({ first, number: 0 });
  if (run.current.first !== first) run.current = { first, number: run.current.number + 1 };

  const hits = useMemo(() => firstHits(pages.hit, Math.min(count, LOOKED_AT)), [first, Math.min(count, LOOKED_AT)]);

  // Before it is painted: keys are of the lines that one sees.
  useLayoutEffect(() => {
    const found = linked.current === undefined ? -1 : hits.findIndex((hit) => hit.log_id === linked.current);
    if (first) linked.current = undefined;
    at.current = found < 0 ? undefined : found;
    setChosen(at.current);
    setShown(at.current);
  }, [first]);
  useEffect(() => {
    if (pages.error) pages.reload();
  }, [reconnects.value]);

  const hit = useRef(pages.hit);
  hit.current = pages.hit;
  const toggle = useCallback((index: number) => {
    at.current = index;
    setChosen(index);
    const id = hit.current(index)?.log_id;
    const { open } = explore.peek();
    if (id) change({ open: open.includes(id) ? open.filter((one) => one !== id) : [...open, id] }, { replace: true });
  }, []);
  const step = (by: number) => {
    if (!count) return;
    // Keys come faster than the page is drawn.
    const next = at.current === undefined ? 0 : Math.min(count - 1, Math.max(0, at.current + by));
    at.current = next;
    setChosen(next);
    setShown(next);
  };
  const current = chosen === undefined ? undefined : pages.hit(chosen);
  useListKeys({ step, toggle, chosen, current, close: () => change({ open: [] }, { replace: true }) });

  const day = useMemo(() => dayOf(hits, pinned), [hits, pinned.turn, zone.value]);
  const layout = useMemo(() => layoutOf(state.columns, hits, day === ''), [hits, day, state.columns.join('\n')]);

  const look = useMemo<Look>(() => ({ columns: state.columns, layout, wrapped: wrap.value, withDate: day === '', zone: zone.value }), [layout, wrap.value, zone.value]);

  if (pages.error && !first) return <Failed error={pages.error} retry={pages.reload} />;
  if (!first && !pages.loading) return <Cancelled again={pages.reload} />;
  return (
    <section class="results" aria-label="Lines">
      <Summary pages={pages} pinned={pinned} />
      {/* Its room is always there, so that the list doesn't jump. */}
      <div class="results-progress">{pages.loading && <Loading began={pages.began} cancel={pages.cancel} what="Searching" />}</div>
      <Warnings of={pages.warnings} />
      {first && !count && !pages.more && !pages.loading ? (
        <NothingFound />
      ) : (
        <VirtualList
          key={run.current.number}
          class={`results-list log ${pages.loading && !count ? 'stale' : ''}`}
          label="Lines"
          role="treegrid"
          active={chosen === undefined ? undefined : `line-${chosen}`}
          head={<Head layout={layout} day={day} />}
          headHeight={HEAD_HEIGHT}
          count={first ? count + 1 : 0}
          rowKey={(index) => (index === count ? 'end' : index)}
          rowHeight={ROW_HEIGHT}
          show={shown}
          align="auto"
          onEnd={() => {
            if (!pages.error && !pages.stopped) pages.next();
          }}
          onSeen={pages.seen}
          onKeyDown={(event) => onListKey(event, step, () => chosen !== undefined && toggle(chosen))}
          row={(index) => {
            if (index === count) return <End pages={pages} />;
            const hit = pages.hit(index);
            // Forgotten: it is on its way.
            if (!hit) return <div class="line forgotten" role="row" aria-rowindex={index + 2} />;
            return <Row index={index} hit={hit} look={look} pinned={pinned} chosen={index === chosen} open={opened.has(hit.log_id ?? '')} onToggle={toggle} />;
          }}
        />
      )}
    </section>
  );
}

interface ListKeys {
  step: (by: number) => void;
  toggle: (index: number) => void;
  chosen: number | undefined;
  current: Hit | undefined;
  close: () => void;
}

function useListKeys({ step, toggle, chosen, current, close }: ListKeys): void {
  useShortcut('j', 'Next line', () => step(1));
  useShortcut('k', 'Line before', () => step(-1));
  useShortcut('o', 'Open or close the line', () => chosen !== undefined && toggle(chosen));
  useShortcut('c', 'The lines around it', () => current && openContext(contextOf(current)));
  useShortcut('y', 'Copy the line as JSON', () => current && void copy(jsonText(plain(current), 2), 'the line as JSON'));
  useShortcut('x', 'Close all lines', close);
  useShortcut('w', 'Wrap long lines', () => (wrap.value = !wrap.value));
}

function onListKey(event: KeyboardEvent, step: (by: number) => void, toggle: () => void): void {
  // Buttons and texts within the list have keys of their own.
  if (event.target !== event.currentTarget || event.ctrlKey || event.metaKey || event.altKey) return;
  const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: 20, PageUp: -20, Home: -Infinity };
  if (event.key === 'Enter' || event.key === ' ') toggle();
  else if (event.key in steps) step(steps[event.key]!);
  else return;
  event.preventDefault();
}

function firstHits(hit: (index: number) => Hit | undefined, count: number): Hit[] {
  return Array.from({ length: count }, (_, index) => hit(index)).filter((one) => one !== undefined);
}

/** The day that all lines are of, in the chosen zone; empty when they may be of several. */
function dayOf(hits: readonly Hit[], { from, to }: Pinned): string {
  const days = new Set([from, iso1(to), ...hits.map((one) => one.timestamp ?? '')].filter(Boolean).map((time) => timeText(Date.parse(time)).slice(0, 10)));
  return days.size === 1 ? [...days][0]! : '';
}

/** The end isn't in the range itself. */
function iso1(to: string): string {
  const at = Date.parse(to);
  return Number.isNaN(at) ? '' : new Date(at - 1).toISOString();
}
