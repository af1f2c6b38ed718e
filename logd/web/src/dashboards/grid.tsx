/** The panels on their grid of 12 columns. In edit mode one moves and resizes them, by pointer or by keyboard. */

import { signal } from '@preact/signals';
import { useRef, useState } from 'preact/hooks';

import { Button } from '../parts/button';
import { Icon } from '../parts/icon';
import type { Range } from '../state/time';
import { COLUMNS, type Panel } from './document';
import { moved, resized, stepped, type Direction } from './layout';
import { PanelFrame, type PanelActions } from './panel';
import type { Look } from './use_panel';

const ROW_PX = 60;
const GAP_PX = 10;
const KEYS: Record<string, Direction> = { ArrowLeft: 'left', ArrowRight: 'right', ArrowUp: 'up', ArrowDown: 'down' };
const announced = signal('');

interface GridProps {
  panels: readonly Panel[];
  range: Range;
  look: Look;
  actions: PanelActions;
  onZoom: (from: number, to: number) => void;
  /** Called with all panels where they stand then; undefined: they can't be moved. */
  onLayout?: ((panels: Panel[]) => void) | undefined;
}

export function PanelGrid({ panels, range, look, actions, onZoom, onLayout }: GridProps) {
  const holder = useRef<HTMLDivElement>(null);
  const [held, setHeld] = useState<{ id: string; panels: Panel[] }>();
  const shown = held?.panels ?? panels;

  /** Follows the pointer from where it is pressed until it is released. */
  const hold = (event: PointerEvent, panel: Panel, change: (columns: number, rows: number) => Panel[]) => {
    if (!onLayout || event.button !== 0) return;
    event.preventDefault();
    const [left, top] = [event.clientX, event.clientY];
    const scroller = holder.current!.closest('main')!;
    const scrolled = scroller.scrollTop;
    const column = (holder.current!.clientWidth + GAP_PX) / COLUMNS;
    let latest = panels as Panel[];
    const move = ({ clientX, clientY }: PointerEvent) => {
      latest = change((clientX - left) / column, (clientY - top + scroller.scrollTop - scrolled) / (ROW_PX + GAP_PX));
      setHeld({ id: panel.id, panels: latest });
    };
    const end = (released: Event) => {
      removeEventListener('pointermove', move);
      removeEventListener('pointerup', end);
      removeEventListener('pointercancel', end);
      removeEventListener('keydown', escape, true);
      setHeld(undefined);
      if (released.type === 'pointerup' && latest !== panels) onLayout(latest);
    };
    const escape = (pressed: KeyboardEvent) => {
      if (pressed.key === 'Escape') end(pressed);
    };
    addEventListener('pointermove', move);
    addEventListener('pointerup', end);
    addEventListener('pointercancel', end);
    addEventListener('keydown', escape, true);
    setHeld({ id: panel.id, panels: latest });
  };

  const press = (event: KeyboardEvent, panel: Panel) => {
    const to = KEYS[event.key];
    if (!to || !onLayout) return;
    event.preventDefault();
    const found = event.shiftKey
      ? resized(panels, panel.id, panel.w + (to === 'left' ? -1 : to === 'right' ? 1 : 0), panel.h + (to === 'up' ? -1 : to === 'down' ? 1 : 0))
      : stepped(panels, panel.id, to);
    const now = found.find(({ id }) => id === panel.id)!;
    const where = event.shiftKey ? `${now.w} columns wide, ${now.h} rows high` : `column ${now.x + 1}, row ${now.y + 1}`;
    announced.value = `${panel.title || 'Panel'}: ${where}`;
    onLayout(found);
  };

  return (
    <>
      <div ref={holder} class={onLayout ? 'panels editing' : 'panels'}>
        {shown
          // Always in the same order, or the browser would let go of what is held, or has the focus.
          .toSorted((a, b) => (onLayout ? 0 : a.y - b.y || a.x - b.x))
          .map((panel) => (
            <div
              key={panel.id}
              class={held?.id === panel.id ? 'panel-place held' : 'panel-place'}
              style={{ gridColumn: `${panel.x + 1} / span ${panel.w}`, gridRow: `${panel.y + 1} / span ${panel.h}`, order: panel.y * COLUMNS + panel.x }}
            >
              <PanelFrame
                panel={panel}
                range={range}
                look={look}
                actions={actions}
                onZoom={onZoom}
                handle={
                  onLayout && (
                    <Button
                      kind="plain"
                      class="square panel-handle"
                      aria-label={`Move ${panel.title || 'panel'}`}
                      title="Drag it, or use the arrow keys; with Shift they resize it"
                      onPointerDown={(event) => hold(event, panel, (columns, rows) => moved(panels, panel.id, panel.x + columns, panel.y + rows))}
                      onKeyDown={(event) => press(event, panel)}
                    >
                      <Icon name="move" />
                    </Button>
                  )
                }
                corner={
                  onLayout && (
                    <div
                      class="panel-corner"
                      aria-hidden="true"
                      onPointerDown={(event) => hold(event, panel, (columns, rows) => resized(panels, panel.id, panel.w + columns, panel.h + rows))}
                    />
                  )
                }
              />
            </div>
          ))}
      </div>
      <p class="unseen" aria-live="polite">
        {announced.value}
      </p>
    </>
  );
}
