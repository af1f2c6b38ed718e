/** The values of a backtest's groups over time, the threshold, and when it would have fired. */

import { useMemo, useRef, useState } from 'preact/hooks';

import { Chart, type Series } from '../parts/chart';
import { colourOf } from '../parts/levels';
import { valueText } from '../state/numbers';
import type { Condition } from './condition';
import type { Backtest } from './preview';
import { groupText, measureText } from './words';

const HEIGHT = 200;

export function BacktestChart({ tested, condition, onThreshold }: { tested: Backtest; condition: Condition; onThreshold: (threshold: string) => void }) {
  const { aggregation } = condition;
  const [dragged, setDragged] = useState<number>();
  const times = useMemo(() => tested.times.map((time) => Date.parse(time)), [tested]);
  const series = useMemo<Series[]>(
    () => tested.series.map(({ group, values }, number) => ({ name: groupText(group) || 'value', colour: colourOf(`--series-${(number % 8) + 1}`), values })),
    [tested],
  );
  // The last point's window may end behind what was asked for.
  const span = useMemo<[number, number]>(() => [Date.parse(tested.from), Math.max(Date.parse(tested.to), times.at(-1) ?? 0)], [tested]);
  const marks = useMemo(() => {
    const colour = `color-mix(in srgb, ${colourOf('--danger')} 16%, transparent)`;
    return merged(tested.firings.map(({ fired, resolved }) => ({ from: Math.max(span[0], Date.parse(fired)), to: Date.parse(resolved ?? tested.upto) }))).map((mark) => ({ ...mark, colour }));
  }, [tested, span]);
  const threshold = dragged ?? condition.threshold ?? condition.conditions?.[0]?.threshold;
  const limits = useMemo(() => (threshold === null || threshold === undefined ? [] : [{ value: threshold, colour: colourOf('--danger') }]), [threshold]);
  const label = `Values of ${series.length === 1 ? 'one group' : `${series.length} groups`}; ${tested.fired} firings are marked`;
  return (
    <figure class="backtest-chart">
      {series.length ? (
        <Chart label={label} times={times} series={series} height={HEIGHT} span={span} marks={marks} limits={limits} format={(value) => measureText(value, aggregation)} />
      ) : (
        <Chart label="No values" times={span} series={[]} height={HEIGHT} span={span} marks={marks} limits={limits} />
      )}
      {typeof condition.threshold === 'number' && aggregation !== 'composite' && (
        <Drag value={threshold ?? 0} top={topOf(series, condition.threshold)} onDrag={setDragged} onDone={(value) => {
          setDragged(undefined);
          onThreshold(valueOf(value, topOf(series, condition.threshold ?? 0)));
        }} />
      )}
      {series.length > 1 && (
        <ul class="legend" aria-label="Groups">
          {series.map(({ name, colour }) => (
            <li key={name}>
              <i style={{ background: colour }} /> {name}
            </li>
          ))}
        </ul>
      )}
    </figure>
  );
}

/** What overlaps as one, so that it isn't darker for it. */
function merged(stretches: readonly { from: number; to: number }[]): { from: number; to: number }[] {
  const found: { from: number; to: number }[] = [];
  for (const { from, to } of stretches.toSorted((one, other) => one.from - other.from)) {
    const last = found.at(-1);
    if (last && from <= last.to) last.to = Math.max(last.to, to);
    else found.push({ from, to });
  }
  return found;
}

/** As the chart's own scale goes. */
function topOf(series: readonly Series[], threshold: number): number {
  return Math.max(threshold, ...series.flatMap(({ values }) => values.map((value) => value ?? 0))) * 1.08 || 1;
}

/** In as many digits as one can point at. */
function valueOf(value: number, top: number): string {
  const digits = Math.max(0, 2 - Math.floor(Math.log10(top)));
  return String(Number(Math.max(0, value).toFixed(digits)));
}

/** A slider that stands over the chart's right edge: dragging it moves the threshold. */
function Drag({ value, top, onDrag, onDone }: { value: number; top: number; onDrag: (value: number) => void; onDone: (value: number) => void }) {
  const last = useRef(value);
  return (
    <input
      class="threshold-drag"
      type="range"
      aria-label="Threshold"
      aria-valuetext={valueText(value)}
      title="Drag to change the threshold"
      min={0}
      max={top}
      step={top / 1_000}
      value={value}
      onInput={(event) => {
        last.current = event.currentTarget.valueAsNumber;
        onDrag(last.current);
      }}
      onChange={() => onDone(last.current)}
    />
  );
}
