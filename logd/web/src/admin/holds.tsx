/** Legal holds: nothing of what a query finds is deleted while they are in force. */

import { useState } from 'preact/hooks';

import { api, body, type Schemas } from '../api/client';
import { useLoad } from '../api/load';
import { Button } from '../parts/button';
import { Dialog } from '../parts/dialog';
import { QueryBar } from '../parts/query_bar';
import { Empty, Failed, Loading } from '../parts/states';
import { Table } from '../parts/table';
import { Text } from '../parts/text';
import { escaped } from '../parts/visible';
import { TimePicker } from '../parts/time_picker';
import { reconnects } from '../state/connection';
import { href } from '../state/place';
import { iso, instant, rangeText, timeText, type Range } from '../state/time';
import { Ask } from './ask';
import { useSubmit, words } from './form';

type Hold = Schemas['LegalHold'];

export function Holds() {
  const { data, error, began, reload } = useLoad((signal) => body(api.GET('/api/v1/retention/holds', { signal })), [reconnects.value]);
  const [making, setMaking] = useState(false);
  const [released, setReleased] = useState<Hold>();
  if (!data) return error ? <Failed error={error} retry={reload} /> : <Loading began={began} />;
  return (
    <>
      <header class="toolbar">
        <span class="soft">What a hold finds stays, whatever its policy says.</span>
        <span class="spring" />
        <Button kind="primary" icon="plus" onClick={() => setMaking(true)}>
          New hold
        </Button>
      </header>
      {data.holds.length ? (
        <Table<Hold>
          label="Legal holds"
          rows={data.holds.toReversed()}
          rowKey={({ id }) => id}
          columns={[
            { title: 'Name', cell: ({ name, reason }) => <span title={escaped(reason)}><Text of={name} line /></span> },
            {
              title: 'Query',
              cell: ({ query, services, from, to }) => (
                <a class="log" href={href('/explore', { q: query, service: services, from: from ?? 'now-365d', to: to ?? 'now' })}>
                  <Text of={query || '*'} line />
                </a>
              ),
            },
            { title: 'Services', cell: ({ services }) => <Text of={services.join(', ') || 'all'} line /> },
            { title: 'Time', cell: ({ from, to }) => (from || to ? rangeText({ from: from ?? 'the beginning', to: to ?? 'the end' }) : 'all') },
            { title: 'Since', cell: ({ created, created_by: by }) => `${timeText(created, { millis: false })}${by ? ` by ${by}` : ''}` },
            {
              title: 'State',
              cell: (hold) =>
                hold.released ? (
                  `released ${timeText(hold.released, { millis: false })}`
                ) : (
                  <Button kind="plain" onClick={() => setReleased(hold)}>
                    Release
                  </Button>
                ),
            },
          ]}
        />
      ) : (
        <Empty title="No legal holds" />
      )}
      {making && (
        <MakeHold
          onClose={() => setMaking(false)}
          onDone={() => {
            setMaking(false);
            reload();
          }}
        />
      )}
      {released && (
        <Ask
          title={`Release ${released.name}?`}
          action="Release"
          onClose={() => setReleased(undefined)}
          run={async () => {
            await body(api.DELETE('/api/v1/retention/holds/{id}', { params: { path: { id: released.id } } }));
            reload();
            return `${released.name} is released`;
          }}
        >
          What it held is deleted when its policy says so, which may be now.
        </Ask>
      )}
    </>
  );
}

function MakeHold({ onClose, onDone }: { onClose: () => void; onDone: () => void }) {
  const [name, setName] = useState('');
  const [query, setQuery] = useState('');
  const [services, setServices] = useState('');
  const [range, setRange] = useState<Range>();
  const [reason, setReason] = useState('');
  const { submit, running, wrong } = useSubmit(async () => {
    // A hold is of a stretch of time that doesn't move.
    const times = range && { from: iso(instant(range.from)!), to: iso(instant(range.to)!) };
    await body(api.POST('/api/v1/retention/holds', { body: { name, query, services: words(services), reason, ...times } }));
    onDone();
  });
  return (
    <Dialog title="New legal hold" asks onClose={onClose}>
      <form class="stack" onSubmit={submit}>
        <label>
          Name
          <input required maxLength={200} value={name} onInput={(event) => setName(event.currentTarget.value)} placeholder="case 7" />
        </label>
        <QueryBar label="Query: what is held" value={query} onChange={setQuery} onSubmit={setQuery} />
        <label>
          Services
          <input value={services} onInput={(event) => setServices(event.currentTarget.value)} placeholder="all" />
        </label>
        <div class="toolbar">
          {range ? <TimePicker range={range} onChange={setRange} /> : <span class="soft">Of all time.</span>}
          <Button kind="plain" onClick={() => setRange(range ? undefined : { from: 'now-30d/d', to: 'now' })}>
            {range ? 'Of all time' : 'Of a stretch of time'}
          </Button>
        </div>
        <label>
          Why
          <input value={reason} maxLength={2_000} onInput={(event) => setReason(event.currentTarget.value)} />
        </label>
        {wrong && (
          <p class="wrong" role="alert">
            {wrong}
          </p>
        )}
        <Button type="submit" kind="primary" disabled={running}>
          Hold it
        </Button>
      </form>
    </Dialog>
  );
}
