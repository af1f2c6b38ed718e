/** A line of the list, opened or not. It is drawn again only when something of it has changed: scrolling is smooth by that. */

import { Component } from 'preact';

import type { ContextOf } from './context';
import { Expanded } from './expanded';
import { Line, type Look } from './line';
import type { Hit } from './record';
import type { Pinned } from './state';

interface RowProps {
  index: number;
  hit: Hit;
  look: Look;
  pinned: Pinned;
  chosen: boolean;
  open: boolean;
  onToggle: (index: number) => void;
  onContext: (of: ContextOf) => void;
}

export class Row extends Component<RowProps> {
  override shouldComponentUpdate(next: RowProps): boolean {
    return (Object.keys(next) as (keyof RowProps)[]).some((name) => next[name] !== this.props[name]);
  }

  override render({ index, hit, look, pinned, chosen, open, onToggle, onContext }: RowProps) {
    return (
      <>
        <Line id={`line-${index}`} hit={hit} look={look} number={index + 1} chosen={chosen} open={open} onToggle={() => onToggle(index)} />
        {open && (
          <div role="row" class="expanded-row">
            <div role="gridcell">
              <Expanded hit={hit} pinned={pinned} onContext={() => onContext(contextOf(hit))} />
            </div>
          </div>
        )}
      </>
    );
  }
}

export function contextOf(hit: Hit): ContextOf {
  return { logId: hit.log_id ?? '', at: hit.timestamp ?? '' };
}
