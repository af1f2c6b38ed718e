/** The rows of a tail, of which only those in sight are in the page. At its end it stays at its end.
 *
 * Rows have a height once they were seen, and a guess before: what is above may grow when one scrolls up, and then the
 * place in the list is moved by as much. */

import { useCallback, useEffect, useLayoutEffect, useReducer, useRef, useState } from 'preact/hooks';

import { guessed, TailRow, type Look } from './row';
import type { Tailer } from './tailer';

const BEYOND_PX = 300;
const AT_END_PX = 30;
/** A movement of the list is a person's when one of these came shortly before. */
const INTENT_MS = 800;
const UP_KEYS = ['ArrowUp', 'PageUp', 'Home'];

interface TailListProps {
  tailer: Tailer;
  look: Look;
  follow: boolean;
  /** Somebody scrolled up. */
  onLeave: () => void;
  /** Somebody scrolled to the end. */
  onEnd: () => void;
}

export function TailList({ tailer, look, follow, onLeave, onEnd }: TailListProps) {
  const holder = useRef<HTMLDivElement>(null);
  const body = useRef<HTMLDivElement>(null);
  const [opened, setOpened] = useState<ReadonlySet<number>>(new Set());
  const [, redraw] = useReducer((turn: number, _: undefined) => turn + 1, 0);
  const intentAt = useRef(-INTENT_MS);
  const lastTop = useRef(0);
  const { rows } = tailer;
  const version = tailer.version.value;

  const height = (index: number) => rows.at(index).height || guessed(rows.at(index), look);
  const view = holder.current;
  const shownHeight = view?.clientHeight ?? 600;
  let all = 0;
  for (let index = 0; index < rows.length; index += 1) all += height(index);
  const top = follow ? Math.max(0, all - shownHeight) : (view?.scrollTop ?? 0);
  let begin = 0;
  let above = 0;
  while (begin < rows.length && above + height(begin) < top - (follow ? 0 : BEYOND_PX)) above += height(begin++);
  let end = begin;
  let shown = 0;
  while (end < rows.length && above + shown < top + shownHeight + BEYOND_PX) shown += height(end++);

  useLayoutEffect(() => {
    const element = holder.current!;
    let moved = 0;
    let changed = false;
    let offset = above;
    for (let number = 0; number < end - begin; number += 1) {
      const row = rows.at(begin + number);
      const measured = (body.current!.children[number] as HTMLElement).offsetHeight;
      const before = height(begin + number);
      if (measured && measured !== before) {
        changed = true;
        if (offset + before <= element.scrollTop) moved += measured - before;
      }
      if (measured) row.height = measured;
      offset += before;
    }
    if (follow) element.scrollTop = element.scrollHeight;
    else if (moved) element.scrollTop += moved;
    lastTop.current = element.scrollTop;
    if (changed) redraw(undefined);
  });

  // Other widths have other heights.
  useEffect(() => {
    const watching = new ResizeObserver(() => {
      for (let index = 0; index < rows.length; index += 1) rows.at(index).height = 0;
      redraw(undefined);
    });
    watching.observe(holder.current!);
    return () => watching.disconnect();
  }, []);
  useEffect(() => {
    for (let index = 0; index < rows.length; index += 1) rows.at(index).height = 0;
    redraw(undefined);
  }, [look.wrapped, look.columns]);

  const latest = useRef<number>(undefined);
  useEffect(() => {
    if (latest.current !== undefined && opened.has(latest.current)) {
      body.current?.querySelector(`[data-key="${latest.current}"]`)?.scrollIntoView({ block: 'nearest' });
    }
  }, [opened]);
  const toggle = useCallback((key: number) => {
    latest.current = key;
    setOpened((before) => {
      const next = new Set(before);
      if (!next.delete(key)) next.add(key);
      return next;
    });
    // Who looks into a line doesn't want it to run away.
    leave.current();
  }, []);
  const leave = useRef(onLeave);
  leave.current = onLeave;
  const intend = () => {
    intentAt.current = performance.now();
  };

  return (
    <div
      ref={holder}
      class="tail-list log"
      role="region"
      aria-label="Lines"
      tabIndex={0}
      data-version={version}
      onWheel={intend}
      onTouchMove={intend}
      onPointerDown={intend}
      onPointerMove={(event) => event.buttons && intend()}
      onKeyDown={(event) => {
        intend();
        if (follow && UP_KEYS.includes(event.key)) onLeave();
      }}
      onScroll={(event) => {
        const { scrollTop, scrollHeight, clientHeight } = event.currentTarget;
        const isUp = scrollTop < lastTop.current;
        lastTop.current = scrollTop;
        if (performance.now() - intentAt.current < INTENT_MS) {
          const left = scrollHeight - clientHeight - scrollTop;
          if (follow && isUp && left > AT_END_PX) onLeave();
          else if (!follow && !isUp && left < AT_END_PX) onEnd();
        }
        if (!follow) redraw(undefined);
      }}
    >
      <div style={{ height: `${above}px` }} />
      <div ref={body}>
        {Array.from({ length: end - begin }, (_, number) => {
          const row = rows.at(begin + number);
          return <TailRow key={row.key} row={row} look={look} open={opened.has(row.key)} onToggle={toggle} />;
        })}
      </div>
      <div style={{ height: `${Math.max(0, all - above - shown)}px` }} />
    </div>
  );
}
