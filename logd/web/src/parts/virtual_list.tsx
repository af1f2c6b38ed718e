/** A list of which only what is seen is in the page: smooth with any number of rows, of any heights. */

import { elementScroll, observeElementOffset, observeElementRect, Virtualizer } from '@tanstack/virtual-core';
import type { ComponentChildren } from 'preact';
import { useCallback, useEffect, useLayoutEffect, useMemo, useReducer, useRef } from 'preact/hooks';

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
  /** Called with the first and the last row that are in the page, when these change. */
  onSeen?: (first: number, last: number) => void;
  /** Scrolls to the last row whenever there are more, as long as nobody has scrolled up. */
  follow?: boolean;
  /** Scrolls there when it changes: to the middle, or `auto`, as little as needed. */
  show?: number | undefined;
  align?: 'center' | 'auto';
  /** Stays at the top, such as the names of columns: so many pixels high. */
  head?: ComponentChildren;
  headHeight?: number;
  /** With `treegrid`, rows are such of a table, and can be opened: what `row` makes has the roles of rows. */
  role?: 'region' | 'treegrid';
  /** The id of the row that is chosen, of a grid. */
  active?: string | undefined;
  onKeyDown?: (event: KeyboardEvent) => void;
}

const NEAR_ROWS = 30;

export function VirtualList(props: VirtualListProps) {
  const { label, count, row, rowHeight, class: name = '', onEnd, onSeen, follow = false, show, align = 'center', head, headHeight = 0, role = 'region', active, onKeyDown } = props;
  const holder = useRef<HTMLDivElement>(null);
  const [, redraw] = useReducer((turn: number, _: undefined) => turn + 1, 0);
  // Another function would have all rows laid out again, at each redraw.
  const latest = useRef(props);
  latest.current = props;
  const getItemKey = useCallback((index: number) => latest.current.rowKey(index), []);
  const estimateSize = useCallback(() => latest.current.rowHeight, []);
  const options = {
    count,
    getScrollElement: () => holder.current,
    estimateSize,
    getItemKey,
    overscan: 12,
    scrollMargin: headHeight,
    scrollPaddingStart: headHeight,
    // Lines that leave at the top, for others at the end, leave what is seen where it is.
    anchorTo: follow ? ('end' as const) : ('start' as const),
    followOnAppend: follow,
    scrollEndThreshold: rowHeight,
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
    // Who says that it follows, now or anew, is taken to the end.
    if (follow && count) virtual.scrollToIndex(count - 1, { align: 'end' });
  }, [follow, count > 0]);
  useEffect(() => {
    if (show === undefined || show >= count) return;
    const item = align === 'auto' && virtual.measurementsCache[show];
    if (!item) {
      virtual.scrollToIndex(show, { align: 'center' });
      return;
    }
    const { top, height } = { top: item.start - headHeight, height: holder.current!.clientHeight - headHeight };
    const at = holder.current!.scrollTop;
    // Of a row that doesn't fit its beginning is shown.
    if (top < at || item.size > height) virtual.scrollToOffset(top);
    else if (top + item.size > at + height) virtual.scrollToOffset(top + item.size - height);
  }, [show]);
  const items = virtual.getVirtualItems();
  const first = items[0]?.index ?? 0;
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (onEnd && count && last >= count - NEAR_ROWS) onEnd();
  }, [last, count]);
  useEffect(() => {
    onSeen?.(first, last);
  }, [first, last, count]);
  return (
    <div
      ref={holder}
      class={`virtual ${name}`}
      role={role}
      aria-label={label}
      aria-rowcount={role === 'treegrid' ? count : undefined}
      aria-activedescendant={active}
      tabIndex={0}
      onKeyDown={onKeyDown}
    >
      {head}
      <div class="virtual-all" role={role === 'treegrid' ? 'rowgroup' : undefined} style={{ height: `${virtual.getTotalSize()}px` }}>
        {items.map(({ index, key, start }) => (
          <div key={key} data-index={index} ref={virtual.measureElement} role={role === 'treegrid' ? 'presentation' : undefined} class="virtual-row" style={{ transform: `translateY(${start - headHeight}px)` }}>
            {row(index)}
          </div>
        ))}
      </div>
    </div>
  );
}
