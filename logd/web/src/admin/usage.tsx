/** What is stored, where, and whose it is. */

import { useMemo } from 'preact/hooks';

import { api, body, type Schemas } from '../api/client';
import { useLoad } from '../api/load';
import { Chart } from '../parts/chart';
import { colourOf } from '../parts/levels';
import { Empty, Failed, Loading, Warnings } from '../parts/states';
import { Table } from '../parts/table';
import { Text } from '../parts/text';
import { reconnects } from '../state/connection';
import { bytesText, countText, shareText } from '../state/numbers';
import { isDark } from '../state/settings';
import { Legend } from './legend';

const TIERS = ['hot', 'warm', 'cold'] as const;
const DAY_MS = 86_400_000;

export function Usage() {
  const { data, error, began, reload } = useLoad(
    (signal) => body(api.GET('/api/v1/retention/usage', { params: { query: { services: true } }, signal })),
    [reconnects.value],
  );
  const days = useMemo(() => data && daysOf(data.stored), [data, isDark.value]);
  if (!data || !days) return error ? <Failed error={error} retry={reload} /> : <Loading began={began} what="Adding up" />;
  if (!data.stored.length) return <Empty title="Nothing is stored yet" />;
  return (
    <>
      <Warnings of={{ warnings: data.missing, ...(data.missing.length ? { partial: true as const } : {}) }} />
      <dl class="totals">
        <Total name="lines" value={countText(data.rows)} />
        <Total name="on disk" value={bytesText(data.bytes)} />
        {data.raw_bytes !== null && <Total name="before compression" value={bytesText(data.raw_bytes)} />}
        {data.cost > 0 && <Total name="cost of a month" value={data.cost.toFixed(2)} />}
      </dl>
      <section class="card">
        <h2>By day</h2>
        <Chart label="Bytes stored by day and tier" kind="bars" height={180} times={days.times} series={days.series} format={(value) => bytesText(value ?? 0)} />
        <Legend of={days.series} label="Tiers" />
      </section>
      <section class="card">
        <h2>By service</h2>
        <Table<Schemas['ServiceUsage']>
          label="Usage by service"
          rows={data.services ?? []}
          rowKey={({ service }) => JSON.stringify(service)}
          columns={[
            { title: 'Service', cell: ({ service }) => <Text of={service === null ? 'not known' : service || 'none'} line /> },
            { title: 'Share', cell: ({ bytes }) => <meter min={0} max={1} value={data.bytes ? bytes / data.bytes : 0} aria-label="Share of all bytes" /> },
            { title: 'Of all', number: true, cell: ({ bytes }) => shareText(data.bytes ? bytes / data.bytes : 0) },
            { title: 'Bytes', number: true, cell: ({ bytes }) => bytesText(bytes) },
            { title: 'Lines', number: true, cell: ({ rows }) => countText(rows) },
            { title: 'Before compression', number: true, cell: ({ raw_bytes: raw }) => (raw === null ? '–' : bytesText(raw)) },
            ...(data.cost > 0 ? [{ title: 'Cost of a month', number: true, cell: ({ cost }: Schemas['ServiceUsage']) => cost.toFixed(2) }] : []),
          ]}
        />
      </section>
    </>
  );
}

function Total({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

/** Bytes by day, of each tier; a day without any is there, too. */
function daysOf(stored: readonly Schemas['StoredDay'][]) {
  const at = stored.map(({ day }) => Date.parse(day)).filter((time) => !Number.isNaN(time));
  const first = Math.min(...at);
  const times = at.length ? Array.from({ length: (Math.max(...at) - first) / DAY_MS + 1 }, (_, day) => first + day * DAY_MS) : [];
  const series = TIERS.map((tier) => {
    const values = new Array<number>(times.length).fill(0);
    for (const one of stored) {
      const day = (Date.parse(one.day) - first) / DAY_MS;
      if (one.tier === tier && day in values) values[day]! += one.bytes;
    }
    return { name: tier, colour: colourOf(`--tier-${tier}`), values };
  });
  return { times, series };
}
