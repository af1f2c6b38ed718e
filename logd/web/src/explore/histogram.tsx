/** How many lines there are by time, stacked by level. Dragging over it chooses a stretch of time. */

import { useEffect, useMemo, useRef } from 'preact/hooks';

import { api, body, type Schemas } from '../api/client';
import { useLoad } from '../api/load';
import { Button } from '../parts/button';
import { Chart, type Series } from '../parts/chart';
import { Icon } from '../parts/icon';
import { seriesColour } from '../parts/levels';
import { Failed, Loading, Warnings } from '../parts/states';
import { reconnects } from '../state/connection';
import { countText } from '../state/numbers';
import { isDark, persisted } from '../state/settings';
import { durationText, iso, rangeText } from '../state/time';
import { LevelLegend } from './level_legend';
import { refusal, useRunning } from './run';
import { asked, change, explore, type Pinned } from './state';

type Answer = Schemas['HistogramAnswer'];

const HEIGHT_PX = 110;
const hidden = persisted('histogram.hidden', false);

export function Histogram({ pinned }: { pinned: Pinned }) {
  const { from, to, turn } = pinned;
  const query = { ...asked(explore.value), from, to, by: 'level', interval: 'auto', fill: true, top: 12 };
  const shown = !hidden.value;
  const loaded = useLoad(
    shown ? (signal) => body(api.GET('/api/v1/logs/histogram', { params: { query: query as never }, signal })) : undefined,
    [turn, shown, reconnects.value],
  );
  useRunning(loaded.loading);
  const { data, error, loading } = loaded;
  // The bar says what is wrong with the query.
  const isRefused = !!error?.column;
  useEffect(() => {
    refusal.value = error?.column ? error : undefined;
  }, [error]);
  return (
    <section class="histogram" aria-label="Lines over time">
      <header>
        <Button kind="plain" class="histogram-toggle" aria-expanded={shown} onClick={() => (hidden.value = shown)}>
          <Icon name={shown ? 'down' : 'right'} />
          <span class="histogram-total">{data && shown ? `${countText(data.total_hits)} ${data.total_hits === 1 ? 'line' : 'lines'}` : 'Lines over time'}</span>
        </Button>
        <LevelLegend answer={shown ? data : undefined} />
        <span class="spring" />
        {data && shown && (
          <span class="soft histogram-figures">
            {durationText(data.interval_ms)} a bar · {durationText(data.took_ms)}
          </span>
        )}
      </header>
      {shown && (
        <>
          <div class="histogram-progress">{loading && <Loading began={loaded.began} cancel={loaded.cancel} what="Counting" />}</div>
          {isRefused ? (
            <div class="histogram-empty">The query isn’t understood</div>
          ) : error ? (
            <Failed error={error} retry={loaded.reload} />
          ) : data ? (
            <Bars answer={data} pinned={pinned} />
          ) : (
            <div class="histogram-empty" style={{ height: `${HEIGHT_PX}px` }}>
              {!loading && <Button onClick={loaded.reload}>Count the lines</Button>}
            </div>
          )}
          <Warnings of={data} />
        </>
      )}
    </section>
  );
}

function Bars({ answer, pinned }: { answer: Answer; pinned: Pinned }) {
  // The answer of the turn before stays where it was until the next one is there.
  const span = useRef<{ of: Answer; at: readonly [number, number] }>(undefined);
  if (span.current?.of !== answer) span.current = { of: answer, at: [Date.parse(pinned.from), Date.parse(pinned.to)] };
  const dark = isDark.value;
  const { times, series } = useMemo(() => ({ times: answer.buckets.map(({ start }) => Date.parse(start)), series: seriesOf(answer) }), [answer, dark]);
  if (!answer.total_hits) {
    return (
      <div class="histogram-empty" style={{ height: `${HEIGHT_PX}px` }}>
        No lines in this time
      </div>
    );
  }
  return (
    <Chart
      label={`${countText(answer.total_hits)} lines over ${rangeText(explore.value.range)}, by level`}
      times={times}
      series={series}
      kind="bars"
      height={HEIGHT_PX}
      span={span.current.at}
      onZoom={(from, to) => change({ range: { from: iso(from), to: iso(Math.max(to, from + 1)) } })}
    />
  );
}

/** The gravest at the bottom, where it can be compared. */
function seriesOf(answer: Answer): Series[] {
  const values = answer.values ?? [];
  const found = values.map(({ value }, number) => ({
    name: value ?? 'none',
    colour: seriesColour(value, number),
    rank: rankOf(value),
    values: answer.buckets.map((bucket) => bucket.counts?.[number] ?? 0),
  }));
  if (answer.other) {
    found.push({ name: 'other', colour: seriesColour(null, 0), rank: 99, values: answer.buckets.map((bucket) => bucket.other ?? 0) });
  }
  return found.sort((one, other) => other.rank - one.rank);
}

function rankOf(level: string | null): number {
  const at = ['FATAL', 'ERROR', 'WARN', 'INFO', 'DEBUG', 'TRACE'].indexOf(level ?? '');
  return at < 0 ? 50 : at;
}
