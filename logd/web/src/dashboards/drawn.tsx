/** What a panel shows, drawn by its type. */

import { useMemo, useRef, useState } from 'preact/hooks';

import { Chart } from '../parts/chart';
import { colourOf, LevelBadge, seriesColour } from '../parts/levels';
import { Text } from '../parts/text';
import { escaped } from '../parts/visible';
import { isDark } from '../state/settings';
import { agoText, timeText } from '../state/time';
import type { Panel, Unit } from './document';
import { change } from './figures';
import type { Cell, Chart as ChartShown, Figure, Rows, Shown, ShownColumn, Statuses } from './shown';
import { axisText, colourAt, unitText } from './units';
import { useHeight } from './use_panel';

interface DrawnProps<S extends Shown = Shown> {
  panel: Panel;
  shown: S;
  label: string;
  onZoom?: ((from: number, to: number) => void) | undefined;
}

export function Drawn({ shown, ...props }: DrawnProps) {
  switch (shown.kind) {
    case 'chart':
      return <Lines {...props} shown={shown} />;
    case 'table':
      return <Grid {...props} shown={shown} />;
    case 'number':
      return <Single {...props} shown={shown} />;
    case 'status':
      return <Tiles {...props} shown={shown} />;
  }
}

/** What the panel's numbers are of, also where it doesn't say. */
export function unitOf({ unit, share, source, aggregate }: Panel): Unit | undefined {
  if (share !== undefined) return 'percent';
  if (unit) return unit;
  if (source === 'bytes' || source === 'usage') return 'bytes';
  if (source === 'lag' || source === 'slow_searches') return 'ms';
  return (aggregate ?? 'count') === 'count' ? 'count' : undefined;
}

const LEAST_PX = 60;

function Lines({ panel, shown, label, onZoom }: DrawnProps<ChartShown>) {
  const [only, setOnly] = useState<string>();
  const holder = useRef<HTMLDivElement>(null);
  const height = useHeight(holder);
  const unit = unitOf(panel);
  const series = useMemo(
    () =>
      shown.series.map((line, number) => ({
        ...line,
        colour: shown.series.length === 1 && line.value === null ? colourOf('--series-1') : seriesColour(line.value, number),
      })),
    [shown, isDark.value],
  );
  const drawn = useMemo(() => (only === undefined || !series.some(({ name }) => name === only) ? series : series.filter(({ name }) => name === only)), [series, only]);
  const limits = useMemo(
    () => (panel.thresholds ?? []).filter(({ value }) => value > 0).map(({ value, colour }) => ({ value, colour: colourOf(`--${colour}`) })),
    [panel.thresholds, isDark.value],
  );
  return (
    <div class="drawn lines">
      <div ref={holder} class="lines-chart">
        {height >= LEAST_PX && (
          <Chart
            label={label}
            times={shown.times}
            series={drawn}
            kind={panel.draw ?? (panel.share === undefined && (panel.aggregate ?? 'count') === 'count' && panel.source !== 'lag' ? 'bars' : 'lines')}
            height={height}
            format={(value) => axisText(value, unit)}
            limits={limits}
            {...(shown.span ? { span: shown.span } : {})}
            {...(onZoom ? { onZoom } : {})}
          />
        )}
      </div>
      {series.length > 1 && (
        <ul class="legend" aria-label="Series">
          {series.map(({ name, colour }) => (
            <li key={name}>
              <button type="button" aria-pressed={only === name} title={only === name ? 'Show all' : `Show only ${escaped(name)}`} onClick={() => setOnly(only === name ? undefined : name)}>
                <i style={{ background: colour }} />
                <span>
                  <Text of={name} line />
                </span>
              </button>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

function Grid({ panel, shown, label }: DrawnProps<Rows>) {
  const most = shown.columns.map((_, at) => Math.max(0, ...shown.rows.map((row) => (typeof row[at] === 'number' ? (row[at] as number) : 0))));
  return (
    <div class="drawn rows" role="region" aria-label={label} tabIndex={0}>
      <table class={panel.type === 'top' ? 'table tight top' : 'table tight'}>
        <thead>
          <tr>
            {shown.columns.map(({ name, number }) => (
              <th key={name} scope="col" class={number ? 'number' : undefined}>
                <Text of={name} line />
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {shown.rows.map((row, at) => (
            <tr key={at}>
              {row.map((cell, column) => (
                <Value key={column} cell={cell} column={shown.columns[column]!} most={most[column]!} link={column === 0 ? shown.links?.[at] : undefined} panel={panel} />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const NOW_MS = 1_000;

interface ValueProps {
  cell: Cell;
  column: ShownColumn;
  most: number;
  link: string | undefined;
  panel: Panel;
}

function Value({ cell, column, most, link, panel }: ValueProps) {
  if (typeof cell === 'number') {
    const colour = column.bar ? colourAt(cell, panel.thresholds) : undefined;
    return (
      <td class={`number ${column.bar ? 'with-bar' : ''}`}>
        <span class={colour ? `value ${colour}` : 'value'}>{unitText(cell, column.unit as Unit | undefined)}</span>
        {column.bar && (
          <span class="bar-track">
            <i class={colour} style={{ width: `${most > 0 ? (100 * cell) / most : 0}%` }} />
          </span>
        )}
      </td>
    );
  }
  if (column.number) return <td class="number">–</td>;
  const shown =
    cell === null ? (
      <span class="soft">–</span>
    ) : column.unit === 'time' ? (
      <time dateTime={cell} title={timeText(cell)}>
        {Date.now() - Date.parse(cell) < NOW_MS ? 'now' : agoText(cell)}
      </time>
    ) : column.name === 'level' ? (
      <LevelBadge level={cell} />
    ) : (
      <Text of={cell} line />
    );
  const isList = column.name === 'services';
  const isText = column.name === 'message' || column.name === 'parameters' || (panel.source === 'slow_searches' && column.name === 'search' && panel.type === 'top');
  return (
    <td class={isText ? 'log text' : isList ? 'few' : column.unit === 'time' ? 'soft short' : undefined} title={isText || isList ? escaped(String(cell ?? '')) : undefined}>
      {link ? <a href={link}>{shown}</a> : shown}
    </td>
  );
}

function Single({ panel, shown, label }: DrawnProps<Figure>) {
  const unit = unitOf(panel);
  const grown = change(shown.value, shown.before);
  const colour = colourAt(shown.value, panel.thresholds);
  return (
    <div class="drawn single" role="group" aria-label={label}>
      <p class={colour ? `figure ${colour}` : 'figure'}>{unitText(shown.value, unit)}</p>
      {shown.before !== undefined && shown.before !== null && (
        <p class="soft against">
          {grown === undefined ? `${unitText(shown.before, unit)} before` : `${grown >= 0 ? '+' : '−'}${percentText(Math.abs(grown))} against ${unitText(shown.before, unit)} before`}
        </p>
      )}
      {shown.values.length > 1 && <Sparkline values={shown.values} />}
    </div>
  );
}

const percentText = (value: number): string => (value >= 10 ? `${Math.round(value)} ×` : `${(100 * value).toFixed(value < 0.1 ? 1 : 0)} %`);

const WIDTH = 100;
const HEIGHT = 24;

function Sparkline({ values }: { values: readonly (number | null)[] }) {
  const top = Math.max(...values.map((value) => value ?? 0)) || 1;
  const points = values.map((value, at) => `${((WIDTH * at) / (values.length - 1)).toFixed(2)},${(HEIGHT - 1 - ((HEIGHT - 2) * (value ?? 0)) / top).toFixed(2)}`).join(' ');
  return (
    <svg class="sparkline" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      <polygon points={`0,${HEIGHT} ${points} ${WIDTH},${HEIGHT}`} />
      <polyline points={points} />
    </svg>
  );
}

const STATES: Record<string, string> = { good: 'good', warning: 'warning', danger: 'bad', none: '' };

function Tiles({ shown, label }: DrawnProps<Statuses>) {
  return (
    <ul class="drawn tiles" aria-label={label}>
      {shown.items.map(({ name, state, text, more, link }) => (
        <li key={name} class={`tile ${state}`}>
          <span class="tile-dot" role={STATES[state] ? 'img' : undefined} aria-label={STATES[state] || undefined} />
          <span class="tile-name">{link ? (
              <a href={link}>
                <Text of={name} line />
              </a>
            ) : (
              <Text of={name} line />
            )}</span>
          <span class="tile-text">
            {text}
            {more && <small>{more}</small>}
          </span>
        </li>
      ))}
    </ul>
  );
}
