/** Chooses a time range: one that moves with the clock, or two times. */

import './time_picker.css';

import { useRef, useState } from 'preact/hooks';

import { around, isRelative, stepped, widened } from '../state/moves';
import { inZone, instant, iso, RECENT, rangeText, timeText, zoneName, type Range } from '../state/time';
import { Button, IconButton } from './button';
import { Icon } from './icon';
import { Popover } from './popover';

interface TimePickerProps {
  range: Range;
  onChange: (range: Range) => void;
  /** With buttons that step to the time before and after, and to twice as much. */
  steps?: boolean;
}

export function TimePicker({ range, onChange, steps }: TimePickerProps) {
  const picker = (
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
  if (!steps) return picker;
  const go = (to: Range | undefined) => to && onChange(to);
  return (
    <div class="time-steps" role="group" aria-label="Time">
      <IconButton label="Earlier" icon="left" onClick={() => go(stepped(range, -1))} />
      {picker}
      <IconButton label="Later" icon="right" onClick={() => go(stepped(range, 1))} />
      <IconButton label="Zoom out" icon="minus" onClick={() => go(widened(range))} />
    </div>
  );
}

function Choice({ range, onChange }: { range: Range; onChange: (range: Range) => void }) {
  const [from, setFrom] = useState(shown(range.from));
  const [to, setTo] = useState(shown(range.to));
  const [moment, setMoment] = useState('');
  const [wrong, setWrong] = useState('');
  const apply = (event: Event) => {
    event.preventDefault();
    // What wasn't changed stays exact: an hour that is there twice, and microseconds, can't be told from its text.
    const chosen = { from: from === shown(range.from) ? range.from : meant(from), to: to === shown(range.to) ? range.to : meant(to) };
    const [first, last] = [instant(chosen.from), instant(chosen.to)];
    if (first === undefined || last === undefined) setWrong(`“${first === undefined ? from : to}” is no time`);
    else if (first >= last) setWrong('The first time must be before the last one');
    else onChange(chosen);
  };
  const jump = (event: Event) => {
    event.preventDefault();
    const at = instant(meant(moment));
    const there = at === undefined ? undefined : around(at, range);
    if (there) onChange(there);
    else setWrong(`“${moment}” is no time`);
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
      <div class="stack">
        <form class="stack" onSubmit={apply}>
          <TimeField label="From" value={from} onChange={setFrom} />
          <TimeField label="To" value={to} onChange={setTo} />
          <Button type="submit" kind="primary">
            Apply
          </Button>
        </form>
        <form class="stack" onSubmit={jump}>
          <TimeField label="Around" value={moment} onChange={setMoment} />
          <Button type="submit" disabled={!moment.trim()}>
            Jump there
          </Button>
        </form>
        {wrong && (
          <p class="wrong" role="alert">
            {wrong}
          </p>
        )}
        <p class="hint">
          Times are in {zoneName()}: 2026-11-28 14:30. Also as -90m, now-1d/d (days of UTC), or Unix time.
        </p>
      </div>
    </div>
  );
}

/** A time as text, or picked from the browser's calendar. */
function TimeField({ label, value, onChange }: { label: string; value: string; onChange: (text: string) => void }) {
  const calendar = useRef<HTMLInputElement>(null);
  const at = instant(meant(value));
  return (
    <div class="time-field">
      <label>
        {label}
        <input type="text" spellcheck={false} autocomplete="off" value={value} onInput={(event) => onChange(event.currentTarget.value)} />
      </label>
      <IconButton label={`${label}: choose from a calendar`} icon="calendar" onClick={() => calendar.current!.showPicker()} />
      <input
        ref={calendar}
        class="time-calendar"
        type="datetime-local"
        step="1"
        tabIndex={-1}
        aria-hidden="true"
        value={at === undefined ? '' : timeText(at, { millis: false }).replace(' ', 'T')}
        onChange={(event) => {
          if (event.currentTarget.value) onChange(event.currentTarget.value.replace('T', ' '));
        }}
      />
    </div>
  );
}

/** A fixed time in the chosen zone; a relative one as it is. */
function shown(text: string): string {
  const at = instant(text);
  return at === undefined || isRelative(text) ? text : timeText(at).replace(/(:\d\d)\.000$/, '$1');
}

function meant(text: string): string {
  const at = inZone(text);
  return at === undefined ? text.trim() : iso(at);
}
