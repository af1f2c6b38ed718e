/** A chart over time, drawn by uPlot: lines, or bars that are stacked. Dragging over it chooses a range. */

import 'uplot/dist/uPlot.min.css';

import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';

import { isDark } from '../state/settings';
import { valueText } from '../state/numbers';
import { timeText, zoneOf } from '../state/time';
import { colourOf } from './levels';
import { escaped } from './visible';

export interface Series {
  name: string;
  colour: string;
  /** As many as there are times. */
  values: readonly (number | null)[];
}

interface ChartProps {
  /** What it shows, for those who don't see it. */
  label: string;
  /** Unix milliseconds, rising. Of bars, when they begin. */
  times: readonly number[];
  series: readonly Series[];
  kind?: 'bars' | 'lines';
  height?: number;
  /** From and to, in Unix milliseconds. */
  onZoom?: (from: number, to: number) => void;
  format?: (value: number | null | undefined) => string;
  /** Horizontal lines, such as a threshold. */
  limits?: readonly { value: number; colour: string }[];
  /** Stretches that are marked, such as when an alert fired; in Unix milliseconds. */
  marks?: readonly { from: number; to: number; colour: string }[];
  /** What the axis spans, where it is more than the times. */
  span?: readonly [number, number];
}

const AXIS_PX = 52;

export function Chart(props: ChartProps) {
  const { label, times, series, kind = 'lines', height = 140, format = valueText } = props;
  const holder = useRef<HTMLDivElement>(null);
  const latest = useRef(props);
  latest.current = props;
  // What uPlot can't change later; its data it can.
  const shape = JSON.stringify([kind, height, isDark.value, zoneOf(), series.map(({ name, colour }) => [name, colour])]);
  const plot = useRef<uPlot>(undefined);

  useEffect(() => {
    const element = holder.current!;
    const made = new uPlot(optionsOf(latest, element.clientWidth || 600, height, kind, format), dataOf(latest.current), element);
    plot.current = made;
    const resized = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height }));
    resized.observe(element);
    return () => {
      resized.disconnect();
      made.destroy();
    };
  }, [shape]);
  useEffect(() => {
    plot.current?.setData(dataOf(props));
  }, [times, series, props.limits, props.marks, props.span]);

  return <div ref={holder} class="chart" role="img" aria-label={label} style={{ height: `${height}px` }} />;
}

/** Stacked ones are sums of themselves and of those below them, the last series being the lowest. */
function dataOf({ times, series, kind }: ChartProps): uPlot.AlignedData {
  const seconds = times.map((at) => at / 1_000);
  if (kind !== 'bars') return [seconds, ...series.map(({ values }) => [...values])];
  const below = new Array<number>(times.length).fill(0);
  const stacked = series.toReversed().map(({ values }) => values.map((value, at) => (below[at] = below[at]! + (value ?? 0))));
  return [seconds, ...stacked.toReversed()];
}

function optionsOf(
  latest: { current: ChartProps },
  width: number,
  height: number,
  kind: 'bars' | 'lines',
  format: (value: number | null | undefined) => string,
): uPlot.Options {
  const axis = { stroke: colourOf('--text-soft'), grid: { stroke: colourOf('--line-soft'), width: 1 }, ticks: { show: false }, font: '11px system-ui' };
  const bars = uPlot.paths.bars!({ size: [0.9, 60], align: 1, gap: 1 });
  return {
    width,
    height,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1_000), zoneOf()),
    padding: [8, 20, 0, 0],
    legend: { show: false },
    cursor: { drag: { x: true, y: false, setScale: false }, points: { show: kind === 'lines', size: 5 } },
    scales: {
      x: { time: true, range: (_, min, max) => spanOf(latest.current, min, max) },
      y: { range: (_, min, max) => heightOf(latest.current, min, max) },
    },
    axes: [
      { ...axis, size: 24, space: 70, values: (_, splits, __, ___, step) => axisTexts(splits, step) },
      { ...axis, size: AXIS_PX, values: (_, values) => values.map((value) => format(value)) },
    ],
    series: [
      {},
      ...latest.current.series.map(({ name, colour }) => ({
        label: escaped(name, { line: true }),
        stroke: colour,
        width: kind === 'bars' ? 0 : 1.5,
        // A value between two gaps has no line that would show it.
        points: { show: kind === 'lines', size: 4, filter: (plot: uPlot, number: number) => alone(plot.data[number]!) },
        ...(kind === 'bars' ? { fill: colour, paths: bars } : {}),
      })),
    ],
    hooks: {
      setSelect: [
        (plot) => {
          if (plot.select.width < 4 || !latest.current.onZoom) return;
          const from = plot.posToVal(plot.select.left, 'x');
          const to = plot.posToVal(plot.select.left + plot.select.width, 'x');
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          latest.current.onZoom(Math.floor(from * 1_000), Math.ceil(to * 1_000));
        },
      ],
      drawClear: [(plot) => drawMarks(plot, latest.current)],
      draw: [(plot) => drawLimits(plot, latest.current)],
      setCursor: [(plot) => showTip(plot, latest.current, format)],
    },
  };
}

/** The places of values that have none beside them. */
function alone(values: ArrayLike<number | null | undefined>): number[] {
  const has = (at: number) => values[at] !== null && values[at] !== undefined;
  return Array.from({ length: values.length }, (_, at) => at).filter((at) => has(at) && !has(at - 1) && !has(at + 1));
}

/** As short as the distance between them allows, all in one line: days, minutes or seconds of the chosen zone. */
function axisTexts(seconds: readonly number[], step: number): string[] {
  return seconds.map((at) => {
    const [day, clock] = timeText(at * 1_000, { millis: false }).split(' ') as [string, string];
    if (step >= 86_400) return day.slice(5);
    const short = step < 60 ? clock : clock.slice(0, 5);
    return clock === '00:00:00' ? day.slice(5) : short;
  });
}

/** In seconds. The last bar has a width, too. */
function spanOf({ times, kind, span }: ChartProps, min: number, max: number): [number, number] {
  if (span) return [span[0] / 1_000, span[1] / 1_000];
  const step = kind === 'bars' && times.length > 1 ? (times[1]! - times[0]!) / 1_000 : 0;
  return min === max ? [min - 1, max + Math.max(step, 1)] : [min, max + step];
}

function heightOf({ limits }: ChartProps, min: number, max: number): [number, number] {
  const all = [min ?? 0, max ?? 0, ...(limits ?? []).map(({ value }) => value)];
  const top = Math.max(...all);
  return [Math.min(0, ...all), top > 0 ? top * 1.08 : 1];
}

function drawMarks(plot: uPlot, { marks }: ChartProps): void {
  for (const { from, to, colour } of marks ?? []) {
    const left = plot.valToPos(from / 1_000, 'x', true);
    const right = Math.max(plot.valToPos(to / 1_000, 'x', true), left + 2);
    plot.ctx.fillStyle = colour;
    plot.ctx.fillRect(left, plot.bbox.top, right - left, plot.bbox.height);
  }
}

function drawLimits(plot: uPlot, { limits }: ChartProps): void {
  for (const { value, colour } of limits ?? []) {
    const y = plot.valToPos(value, 'y', true);
    plot.ctx.save();
    plot.ctx.strokeStyle = colour;
    plot.ctx.setLineDash([6, 4]);
    plot.ctx.beginPath();
    plot.ctx.moveTo(plot.bbox.left, y);
    plot.ctx.lineTo(plot.bbox.left + plot.bbox.width, y);
    plot.ctx.stroke();
    plot.ctx.restore();
  }
}

/** What the values are where the pointer is. */
function showTip(plot: uPlot, { times, series }: ChartProps, format: (value: number | null | undefined) => string): void {
  let tip = plot.over.querySelector<HTMLElement>('.chart-tip');
  const at = plot.cursor.idx;
  if (at === null || at === undefined || (plot.cursor.left ?? -1) < 0) {
    tip?.remove();
    return;
  }
  if (!tip) {
    tip = document.createElement('div');
    tip.className = 'chart-tip';
    plot.over.append(tip);
  }
  const rows = series
    .map(({ name, colour, values }) => ({ name, colour, value: values[at] }))
    .filter(({ value }) => value !== null && value !== undefined && (series.length < 6 || value !== 0))
    .map(({ name, colour, value }) => {
      const line = document.createElement('div');
      const dot = document.createElement('i');
      dot.style.background = colour;
      line.append(dot, `${escaped(name, { line: true })} `, Object.assign(document.createElement('b'), { textContent: format(value) }));
      return line;
    });
  tip.replaceChildren(Object.assign(document.createElement('div'), { textContent: timeText(times[at]!, { millis: false }) }), ...rows);
  const left = plot.cursor.left!;
  const isRight = left > plot.over.clientWidth / 2;
  tip.style.left = isRight ? '' : `${left + 12}px`;
  tip.style.right = isRight ? `${plot.over.clientWidth - left + 12}px` : '';
}
