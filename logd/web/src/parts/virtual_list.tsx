/** A list of which only what is seen is in the page: smooth with any number of rows, of any heights. */

import { elementScroll, observeElementOffset, observeElementRect, Virtualizer } from '@tanstack/virtual-core';
import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useMemo, useReducer, useRef } from 'preact/hooks';

interface VirtualListProps {
  label: string;
  count: number;
  /** A row's own key, which it keeps when rows come before it. */
  rowKey: (index: number) => string | number;
  row: (index: number) => ComponentChildren;
  /** What a row probably takes, in pixels. */
  rowHeight: number;
  class?: string;
  /** Called when the last rows are near. */
  onEnd?: () => void;
  /** Scrolls to the last row whenever there are more, as long as nobody has scrolled up. */
  follow?: boolean;
  /** Scrolls there when it changes. */
  show?: number | undefined;
}

const NEAR_ROWS = 30;

export function VirtualList({ label, count, rowKey, row, rowHeight, class: name = '', onEnd, follow, show }: VirtualListProps) {
  const holder = useRef<HTMLDivElement>(null);
  const [, redraw] = useReducer((turn: number, _: undefined) => turn + 1, 0);
  const options = {
    count,
    getScrollElement: () => holder.current,
    estimateSize: () => rowHeight,
    getItemKey: rowKey,
    overscan: 12,
    scrollToFn: elementScroll,
    observeElementRect,
    observeElementOffset,
    onChange: () => redraw(undefined),
  };
  const virtual = useMemo(() => new Virtualizer<HTMLDivElement, HTMLDivElement>(options), []);
  virtual.setOptions(options);
  useLayoutEffect(() => virtual._didMount(), []);
  useLayoutEffect(() => virtual._willUpdate());
  useLayoutEffect(() => {
    if (follow && count) virtual.scrollToIndex(count - 1, { align: 'end' });
  }, [follow, count]);
  useEffect(() => {
    if (show !== undefined) virtual.scrollToIndex(show, { align: 'center' });
  }, [show]);
  const items = virtual.getVirtualItems();
  const end = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (onEnd && count && end >= count - NEAR_ROWS) onEnd();
  }, [end, count]);
  return (
    <div ref={holder} class={`virtual ${name}`} role="region" aria-label={label} tabIndex={0}>
      <div class="virtual-all" style={{ height: `${virtual.getTotalSize()}px` }}>
        {items.map(({ index, key, start }) => (
          <div key={key} data-index={index} ref={virtual.measureElement} class="virtual-row" style={{ transform: `translateY(${start}px)` }}>
            {row(index)}
          </div>
        ))}
      </div>
    </div>
  );
}
