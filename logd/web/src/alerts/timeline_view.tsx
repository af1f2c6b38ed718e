/** When what fired: a row of bars for each rule, or each group of one. */

import { durationText, timeText } from '../state/time';
import { ticksOf, type Row } from './timeline';
import { visible } from './words';

interface TimelineProps {
  label: string;
  rows: readonly Row[];
  from: number;
  to: number;
  /** How grave each row is, by its key. */
  severityOf?: (key: string) => string;
  linkOf?: (key: string) => string;
}

export function Timeline({ label, rows, from, to, severityOf, linkOf }: TimelineProps) {
  const place = (at: number) => `${(100 * (at - from)) / (to - from)}%`;
  const ticks = ticksOf(from, to);
  const isDays = to - from > 2 * 86_400_000;
  return (
    <div class="timeline" role="list" aria-label={label}>
      {rows.map(({ key, name, bars, fired }) => (
        <div key={key} class="timeline-row" role="listitem">
          <span class="timeline-name">{linkOf ? <a href={linkOf(key)}>{visible(name)}</a> : visible(name)}</span>
          <span class="timeline-track" role="img" aria-label={`Fired ${bars.length} times, ${durationText(fired)} in all`}>
            {ticks.map((at) => (
              <i key={at} class="tick" style={{ left: place(at) }} />
            ))}
            {bars.map((bar, number) => (
              <b
                key={number}
                class={`bar-of ${severityOf?.(key) ?? 'error'} ${bar.ended ? '' : 'open'}`}
                style={{ left: `min(${place(bar.from)}, 100% - 3px)`, width: `max(3px, ${(100 * (bar.to - bar.from)) / (to - from)}%)` }}
                title={`${bar.group ? `${bar.group}: ` : ''}${bar.began ? timeText(bar.from, { millis: false }) : 'before'} – ${bar.ended ? timeText(bar.to, { millis: false }) : 'now'} (${durationText(bar.to - bar.from)})`}
              />
            ))}
          </span>
          <span class="timeline-sum soft">
            {bars.length} × · {durationText(fired)}
          </span>
        </div>
      ))}
      <div class="timeline-row axis" aria-hidden="true">
        <span />
        <span class="timeline-track">
          {ticks.map((at) => (
            <span key={at} style={{ left: place(at) }}>
              {isDays ? timeText(at, { millis: false }).slice(5, 10) : timeText(at, { date: false, millis: false }).slice(0, 5)}
            </span>
          ))}
        </span>
        <span />
      </div>
    </div>
  );
}
