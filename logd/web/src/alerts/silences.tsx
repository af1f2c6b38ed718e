/** What of alerts isn't told: now, soon, and lately. */

import { useState } from 'preact/hooks';

import { api, body, type Schemas } from '../api/client';
import { usePolled } from '../api/load';
import { Button } from '../parts/button';
import { Empty, Failed, Loading } from '../parts/states';
import { Table } from '../parts/table';
import { toast, toastError } from '../parts/toast';
import { reconnects } from '../state/connection';
import { durationText, timeText } from '../state/time';
import { SilenceDialog } from './silence_dialog';
import type { Globs } from './silencing';
import { visible } from './words';

type Silence = Schemas['Silence'];
const EVERY_MS = 10_000;
const ORDER = ['active', 'pending', 'expired'];

export function Silences() {
  const { data, error, loading, began, reload } = usePolled((signal) => body(api.GET('/api/v1/alerts/silences', { signal })), [reconnects.value], EVERY_MS);
  const [making, setMaking] = useState<{ initial?: Globs }>();
  const found = [...(data?.silences ?? [])].sort((one, other) => ORDER.indexOf(one.state) - ORDER.indexOf(other.state));
  const end = async (silence: Silence) => {
    try {
      await body(api.DELETE('/api/v1/alerts/silences/{id}', { params: { path: { id: silence.id } } }));
      toast('The silence has ended: what fires is told.');
      reload();
    } catch (wrong) {
      toastError(wrong);
    }
  };
  return (
    <>
      <header>
        <h1>Silences</h1>
        <span class="spring" />
        <Button kind="primary" icon="moon" onClick={() => setMaking({})}>
          New silence
        </Button>
      </header>
      {error && !data && <Failed error={error} retry={reload} />}
      {loading && !data && <Loading began={began} />}
      {data && !found.length && <Empty title="Nothing is silenced">A silence keeps alerts from telling people for a time: a deploy, a known problem.</Empty>}
      {found.length > 0 && (
        <Table
          label="Silences"
          rows={found}
          rowKey={({ id }) => id}
          columns={[
            { title: 'State', cell: ({ state }) => <span class={`pill silence-${state}`}>{state}</span> },
            { title: 'Of', cell: (silence) => <Matched of={silence} /> },
            { title: 'Why', cell: ({ why, created_by }) => [why && visible(why), created_by && `by ${visible(created_by)}`].filter(Boolean).join(' · ') || <span class="soft">–</span> },
            { title: 'From', cell: ({ from }) => <span class="nowrap">{timeText(from, { millis: false })}</span> },
            { title: 'Until', cell: ({ to, state }) => <span class="nowrap">{`${timeText(to, { millis: false })}${state === 'active' ? ` (${durationText(Date.parse(to) - Date.now())} left)` : ''}`}</span> },
            {
              title: '',
              cell: (silence) =>
                silence.state === 'expired' ? (
                  <Button kind="plain" icon="copy" onClick={() => setMaking({ initial: silence })}>
                    Again
                  </Button>
                ) : (
                  <Button kind="plain" icon="close" onClick={() => end(silence)}>
                    End
                  </Button>
                ),
            },
          ]}
        />
      )}
      {making && <SilenceDialog {...making} onClose={() => setMaking(undefined)} onDone={reload} />}
    </>
  );
}

function Matched({ of: { rule, labels, group } }: { of: Silence }) {
  return (
    <span class="alert-name">
      {rule && rule !== '*' ? <b>{visible(rule)}</b> : <span class="soft">{Object.keys({ ...labels, ...group }).length ? 'any rule' : 'everything'}</span>}
      {Object.entries({ ...group, ...labels }).map(([name, glob]) => (
        <span key={name} class="chip">
          <span class="soft">{visible(name)}</span> {visible(glob)}
        </span>
      ))}
    </span>
  );
}
