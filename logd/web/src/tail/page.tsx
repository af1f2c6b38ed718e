/** Live tail: lines as they come. */

import './style.css';
import './rows.css';
import './narrow.css';

import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks';

import { Button, IconButton } from '../parts/button';
import { Icon } from '../parts/icon';
import { Popover } from '../parts/popover';
import { QueryBar } from '../parts/query_bar';
import { useShortcut } from '../parts/shortcuts';
import { countText } from '../state/numbers';
import { wrap, zone } from '../state/settings';
import { Filters } from './filters';
import { TailList } from './list';
import { markerOf } from './marks';
import { RateLine } from './rate_line';
import { asked, change, columns, COLUMNS, exploreOf, kept, KEPT, RATES } from './state';
import { Status, Trouble } from './status';
import { Tailer } from './tailer';

export default function TailPage() {
  const tailer = useMemo(() => new Tailer(kept.peek()), []);
  /** Whether scrolling paused it: then scrolling to the end goes on. */
  const byScroll = useRef(false);
  const question = asked.value;
  useEffect(() => tailer.ask(question), [question]);
  useEffect(() => tailer.keep(kept.value), [kept.value]);
  useEffect(() => () => tailer.close(), []);

  const { paused, phase, error } = tailer.state.value;
  const pause = useCallback(() => {
    byScroll.current = false;
    tailer.happen({ type: 'pause' });
  }, []);
  const resume = useCallback(() => tailer.happen({ type: 'resume' }), []);
  const toggle = useCallback(() => (tailer.state.peek().paused ? resume() : pause()), []);
  const leave = useCallback(() => {
    if (tailer.state.peek().paused) return;
    byScroll.current = true;
    tailer.happen({ type: 'pause' });
  }, []);
  const atEnd = useCallback(() => byScroll.current && resume(), []);
  const clear = useCallback(() => tailer.clear(), []);
  useShortcut(' ', 'Pause or resume the tail', toggle);
  useShortcut('c', 'Clear the tail', clear);

  const marker = useMemo(() => markerOf(question.q), [question.q]);
  const look = useMemo(() => ({ columns: columns.value, marker, wrapped: wrap.value, zone: zone.value, still: paused }), [columns.value, marker, wrap.value, zone.value, paused]);
  return (
    <div class="tail">
      <h1 class="tail-unseen">Live tail</h1>
      <div class="tail-bar">
        <div class="tail-query">
          <QueryBar label="Query" value={question.q} onSubmit={(q) => change({ q })} error={error?.column ? error : undefined} />
        </div>
        <Button icon={paused ? 'play' : 'pause'} kind={paused ? 'primary' : undefined} onClick={toggle} title={paused ? 'Resume (space)' : 'Pause (space)'}>
          {paused ? 'Resume' : 'Pause'}
        </Button>
        <IconButton label="Clear" icon="trash" onClick={clear} />
        <Shown />
        <a class="button" href={exploreOf(question)} title="The same query in Explore">
          <Icon name="search" />
          Explore
        </a>
      </div>
      <div class="tail-bar second">
        <Status tailer={tailer} />
        <Filters />
        <span class="spring" />
        <RateLine tailer={tailer} />
      </div>
      <Trouble tailer={tailer} kept={kept.value} />
      <div class="tail-body">
        <TailList tailer={tailer} look={look} follow={!paused} onLeave={leave} onEnd={atEnd} />
        <Nothing tailer={tailer} phase={phase} />
        <New tailer={tailer} onResume={resume} />
      </div>
    </div>
  );
}

function Nothing({ tailer, phase }: { tailer: Tailer; phase: string }) {
  void tailer.version.value;
  if (tailer.rows.length || phase === 'refused') return null;
  return (
    <div class="tail-nothing">
      <h2>Waiting for lines</h2>
      <p>What matches is shown as it comes. For what has come before, see Explore.</p>
    </div>
  );
}

/** What has come while one looked at something else. */
function New({ tailer, onResume }: { tailer: Tailer; onResume: () => void }) {
  const { paused, phase } = tailer.state.value;
  const lines = tailer.held.value;
  if (!paused || !lines) return null;
  return (
    <button type="button" class="tail-new" onClick={onResume}>
      {countText(lines)}
      {phase === 'held' && '+'} new {lines === 1 ? 'line' : 'lines'} <span aria-hidden="true">↓</span>
    </button>
  );
}

/** How lines are shown, and how many. */
function Shown() {
  const [asks] = useState(() => RATES);
  const { rate } = asked.value;
  const chosen = columns.value;
  return (
    <Popover button={<Icon name="columns" />} label="What is shown" align="right" class="plain square">
      {() => (
        <div class="stack">
          <fieldset class="tail-columns">
            <legend>Columns</legend>
            {COLUMNS.map((name) => (
              <label key={name} class="inline">
                <input
                  type="checkbox"
                  checked={chosen.includes(name)}
                  onChange={(event) => (columns.value = COLUMNS.filter((one) => (one === name ? event.currentTarget.checked : chosen.includes(one))))}
                />
                {name}
              </label>
            ))}
          </fieldset>
          <label class="inline">
            <input type="checkbox" checked={wrap.value} onChange={(event) => (wrap.value = event.currentTarget.checked)} /> Wrap long lines
          </label>
          <label>
            Lines a second, at most
            <select value={String(rate)} onChange={(event) => change({ rate: Number(event.currentTarget.value) })}>
              {[...new Set([...asks, rate])].map((one) => (
                <option key={one} value={String(one)}>
                  {one ? countText(one) : 'All'}
                </option>
              ))}
            </select>
          </label>
          <label>
            Lines kept here
            <select value={String(kept.value)} onChange={(event) => (kept.value = Number(event.currentTarget.value))}>
              {KEPT.map((one) => (
                <option key={one} value={String(one)}>
                  {countText(one)}
                </option>
              ))}
            </select>
          </label>
        </div>
      )}
    </Popover>
  );
}
