/** Who was told, and who couldn't be: every message with its attempts; dead letters are sent once more. */

import { useEffect, useRef, useState } from 'preact/hooks';

import { api, body, type Schemas } from '../api/client';
import { usePolled } from '../api/load';
import { Button } from '../parts/button';
import { Empty, Failed, Loading } from '../parts/states';
import { Table } from '../parts/table';
import { toast, toastError } from '../parts/toast';
import { reconnects } from '../state/connection';
import { go, href, place } from '../state/place';
import { durationText, timeText } from '../state/time';
import { GroupChips } from './alert_card';
import { rulePath } from './rules_known';
import { visible } from './words';

type Delivery = Schemas['NumberedDelivery'];
type Status = Delivery['status'];
const EVERY_MS = 10_000;
const LISTED = 100;
const SHOWN: readonly (readonly [string, string, readonly Status[]])[] = [
  ['', 'All', []],
  ['dead', 'Dead letters', ['refused', 'failed']],
  ['waiting', 'Waiting', ['waiting']],
  ['delivered', 'Delivered', ['delivered']],
];

export function Deliveries() {
  const chosen = place.value.params.get('show') ?? '';
  const statuses = SHOWN.find(([name]) => name === chosen)?.[2] ?? [];
  return (
    <>
      <header>
        <h1>Deliveries</h1>
        <span class="spring" />
        <div class="toolbar segmented" role="group" aria-label="Which">
          {SHOWN.map(([name, text]) => (
            <Button key={name} aria-pressed={name === chosen} onClick={() => go(href('/alerts/deliveries', { show: name }))}>
              {text}
            </Button>
          ))}
        </div>
      </header>
      <DeliveryList key={chosen} statuses={statuses} />
    </>
  );
}

function DeliveryList({ statuses }: { statuses: readonly Status[] }) {
  const page = (signal?: AbortSignal, before?: number) => body(api.GET('/api/v1/alerts/deliveries', { params: { query: { status: [...statuses], limit: LISTED, before } }, ...(signal ? { signal } : {}) }));
  const { data, error, loading, began, reload } = usePolled((signal) => page(signal), [reconnects.value], EVERY_MS);
  const older = useRef(new Map<number, Delivery>());
  const [next, setNext] = useState<number | null>();
  useEffect(() => {
    if (data && next === undefined) setNext(data.next_before);
  }, [data]);
  if (error && !data) return <Failed error={error} retry={reload} />;
  if (!data) return loading ? <Loading began={began} /> : null;
  const found = [...new Map([...older.current, ...data.deliveries.map((one) => [one.number, one] as const)]).values()].sort((one, other) => other.number - one.number);
  const more = async () => {
    try {
      const answer = await page(undefined, next ?? undefined);
      for (const one of answer.deliveries) older.current.set(one.number, one);
      setNext(answer.next_before);
    } catch (wrong) {
      toastError(wrong);
    }
  };
  const retry = async (delivery: Delivery) => {
    try {
      await body(api.POST('/api/v1/alerts/deliveries/{id}/retry', { params: { path: { id: delivery.id } } }));
      toast('It waits to be sent once more.');
      older.current.delete(delivery.number);
      reload();
    } catch (wrong) {
      toastError(wrong);
    }
  };
  if (!found.length) return <Empty title={statuses.includes('failed') ? 'No dead letters' : 'No messages'}>{statuses.includes('failed') ? 'Everybody who was to be told was told.' : 'Nobody was told of anything, so far.'}</Empty>;
  return (
    <>
      <Table
        label="Deliveries"
        rows={found}
        rowKey={({ number }) => number}
        columns={[
          { title: 'Made', cell: ({ made }) => <time class="nowrap">{timeText(made, { millis: false })}</time> },
          { title: 'Status', cell: ({ status }) => <span class={`pill ${status}`}>{status}</span> },
          {
            title: 'Message',
            cell: ({ firing, rule_id, rule, group }) => (
              <span class="alert-name">
                <span class={`pill ${firing === false ? 'resolved' : 'firing'}`}>{firing === false ? 'resolved' : 'firing'}</span> <a href={rulePath(rule_id)}>{visible(rule)}</a> <GroupChips group={group} />
              </span>
            ),
          },
          { title: 'Target', cell: ({ target }) => <code>{visible(target)}</code> },
          { title: 'Attempts', cell: ({ attempts }) => <Attempts attempts={attempts} /> },
          {
            title: '',
            cell: (delivery) =>
              delivery.status === 'refused' || delivery.status === 'failed' ? (
                <Button icon="reload" onClick={() => retry(delivery)}>
                  Retry
                </Button>
              ) : null,
          },
        ]}
      />
      {next !== null && next !== undefined && <Button onClick={more}>Show older ones</Button>}
    </>
  );
}

function Attempts({ attempts }: { attempts: Delivery['attempts'] }) {
  const last = attempts.at(-1);
  if (!last) return <span class="soft">none yet</span>;
  const said = (one: typeof last) => [one.result, one.status, one.error && visible(one.error)].filter(Boolean).join(' · ');
  if (attempts.length === 1)
    return (
      <span>
        {said(last)} <span class="soft">{last.seconds !== null && durationText(1_000 * last.seconds)}</span>
      </span>
    );
  return (
    <details class="attempts">
      <summary>
        {attempts.length} attempts, last: {said(last)}
      </summary>
      <ol>
        {attempts.map((one, number) => (
          <li key={number}>
            <time>{one.time && timeText(one.time, { date: false })}</time> {said(one)}
          </li>
        ))}
      </ol>
    </details>
  );
}
