/** The last hour of this process: how far behind the readers were, what came in, which queues were full. */

import { api, body, type Schemas } from '../api/client';
import { usePolled } from '../api/load';
import { Chart, type Series } from '../parts/chart';
import { seriesColour } from '../parts/levels';
import { Failed } from '../parts/states';
import { reconnects } from '../state/connection';
import { bytesText, shareText, valueText } from '../state/numbers';
import { isDark } from '../state/settings';
import { Legend } from './legend';

type Past = Schemas['StatusHistory'];

const EVERY_MS = 10_000;

interface Plot {
  title: string;
  /** Of the series' names; the first group is the name that is shown. */
  names: RegExp;
  format: (value: number | null | undefined) => string;
}

const none = (format: (value: number) => string) => (value: number | null | undefined) => (value == null ? '–' : format(value));
const PLOTS: readonly Plot[] = [
  { title: 'Messages behind', names: /^(\w+)\.lag_messages$/, format: valueText },
  { title: 'The first of them waits, seconds', names: /^(\w+)\.oldest_seconds$/, format: valueText },
  { title: 'Lines a second', names: /^(\w+)\.lines_per_second$/, format: valueText },
  { title: 'Bytes a second', names: /^(\w+)\.bytes_per_second$/, format: none(bytesText) },
  { title: 'How full the queues are', names: /^stage\.(.+)\.fill$/, format: none(shareText) },
  { title: 'Time spent waiting for them', names: /^stage\.(.+)\.blocked$/, format: none(shareText) },
];

export function History() {
  const { data, error, reload } = usePolled((signal) => body(api.GET('/api/v1/status/history', { signal })), [reconnects.value], EVERY_MS);
  if (!data) return error ? <Failed error={error} retry={reload} /> : null;
  if (data.times.length < 2) return <p class="soft">Here the last hour will be shown; it began just now.</p>;
  const times = data.times.map((time) => Date.parse(time));
  return (
    <section class="histories" aria-label="The last hour">
      {PLOTS.map(({ title, names, format }) => {
        const series = seriesOf(data, names);
        return (
          series.length > 0 && (
            <div key={title} class="card">
              <h3>{title}</h3>
              <Chart key={String(isDark.value)} label={`${title}: ${series.map(({ name }) => name).join(', ')}`} times={times} series={series} format={format} height={120} />
              <Legend of={series} label={title} />
            </div>
          )
        );
      })}
    </section>
  );
}

/** Of all that were never anything but 0, none is shown, unless there is nothing else. */
function seriesOf(past: Past, names: RegExp): Series[] {
  const found = Object.entries(past.series).flatMap(([key, values]) => {
    const name = names.exec(key)?.[1];
    return name === undefined ? [] : [{ name, values }];
  });
  const busy = found.filter(({ values }) => values.some((value) => value));
  return (busy.length ? busy : found.slice(0, 1)).map((one, number) => ({ ...one, colour: seriesColour(one.name, number) }));
}
