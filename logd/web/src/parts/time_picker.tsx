/** Chooses a time range: one that moves with the clock, or two times. */

import { useState } from 'preact/hooks';

import { inZone, instant, iso, RECENT, rangeText, timeText, zoneName, type Range } from '../state/time';
import { Button } from './button';
import { Icon } from './icon';
import { Popover } from './popover';

export function TimePicker({ range, onChange }: { range: Range; onChange: (range: Range) => void }) {
  return (
    <Popover
      label={`Time range: ${rangeText(range)}`}
      align="right"
      class="time-picker"
      button={
        <>
          <Icon name="clock" /> <span>{rangeText(range)}</span>
        </>
      }
    >
      {(close) => (
        <Choice
          range={range}
          onChange={(chosen) => {
            onChange(chosen);
            close();
          }}
        />
      )}
    </Popover>
  );
}

function Choice({ range, onChange }: { range: Range; onChange: (range: Range) => void }) {
  const [from, setFrom] = useState(shown(range.from));
  const [to, setTo] = useState(shown(range.to));
  const [wrong, setWrong] = useState('');
  const apply = (event: Event) => {
    event.preventDefault();
    const chosen = { from: meant(from), to: meant(to) };
    const [first, last] = [instant(chosen.from), instant(chosen.to)];
    if (first === undefined || last === undefined) setWrong(`${first === undefined ? from : to} is no time`);
    else if (first >= last) setWrong('The first time must be before the last one');
    else onChange(chosen);
  };
  return (
    <div class="time-choice">
      <ul>
        {RECENT.map((one) => (
          <li key={one.name}>
            <Button kind="plain" aria-pressed={one.from === range.from && one.to === range.to} onClick={() => onChange({ from: one.from, to: one.to })}>
              {one.name}
            </Button>
          </li>
        ))}
      </ul>
      <form class="stack" onSubmit={apply}>
        <label>
          From
          <input value={from} onInput={(event) => setFrom(event.currentTarget.value)} />
        </label>
        <label>
          To
          <input value={to} onInput={(event) => setTo(event.currentTarget.value)} />
        </label>
        {wrong && (
          <p class="wrong" role="alert">
            {wrong}
          </p>
        )}
        <p class="hint">
          Such as 2026-11-28 14:30 ({zoneName()}), -90m, now-1d/d.
        </p>
        <Button type="submit" kind="primary">
          Apply
        </Button>
      </form>
    </div>
  );
}

/** A fixed time in the chosen zone; a relative one as it is. */
function shown(text: string): string {
  const at = instant(text);
  return at === undefined || /now|^-/.test(text) ? text : timeText(at);
}

function meant(text: string): string {
  const at = inZone(text);
  return at === undefined ? text.trim() : iso(at);
}
