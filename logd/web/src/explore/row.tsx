/** A line of the list, opened or not. It is drawn again only when something of it has changed: scrolling is smooth by that. */

import { Component } from 'preact';

import { Expanded } from './expanded';
import { Line, type Look } from './line';
import { contextOf } from './links';
import type { Hit } from './record';
import { openContext, type Pinned } from './state';

interface RowProps {
  index: number;
  hit: Hit;
  look: Look;
  pinned: Pinned;
  chosen: boolean;
  open: boolean;
  onToggle: (index: number) => void;
}

export class Row extends Component<RowProps> {
  override shouldComponentUpdate(next: RowProps): boolean {
    return (Object.keys(next) as (keyof RowProps)[]).some((name) => next[name] !== this.props[name]);
  }

  override render({ index, hit, look, pinned, chosen, open, onToggle }: RowProps) {
    return (
      <>
        <Line id={`line-${index}`} hit={hit} look={look} number={index + 1} chosen={chosen} open={open} onToggle={() => onToggle(index)} />
        {open && (
          <div role="row" class="expanded-row">
            <div role="gridcell">
              <Expanded hit={hit} pinned={pinned} onContext={() => openContext(contextOf(hit))} />
            </div>
          </div>
        )}
      </>
    );
  }
}
