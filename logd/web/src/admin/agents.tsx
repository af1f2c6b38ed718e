/** Who sends lines, and how far behind each is. */

import { useState } from 'preact/hooks';

import { api, body, type Schemas } from '../api/client';
import { usePolled } from '../api/load';
import { Empty, Failed, Loading, Warnings } from '../parts/states';
import { Table } from '../parts/table';
import { Text } from '../parts/text';
import { reconnects } from '../state/connection';
import { bytesText, countText } from '../state/numbers';
import { agoText, durationText, timeText } from '../state/time';

type Agent = Schemas['Agent'];

const PAUSE_MS = 10_000;
const GRAVEST: readonly Agent['state'][] = ['error', 'silent', 'behind', 'ok'];

export function Agents() {
  const [wanted, setWanted] = useState('');
  const { data, error, loading, began, reload } = usePolled((signal) => body(api.GET('/api/v1/agents', { signal })), [reconnects.value], PAUSE_MS);
  if (!data) return error ? <Failed error={error} retry={reload} /> : <Loading began={began} />;
  if (!data.total) {
    return (
      <Empty title="No agent has told how it does">
        Agents that send to this server do so every half a minute. Those that write to Kafka need <code>agent.report_url</code>.
      </Empty>
    );
  }
  const rows = data.agents
    .filter(({ host, id }) => host.includes(wanted) || id.includes(wanted))
    .toSorted((a, b) => GRAVEST.indexOf(a.state) - GRAVEST.indexOf(b.state) || b.behind_bytes - a.behind_bytes || a.host.localeCompare(b.host));
  return (
    <>
      <header class="toolbar">
        {GRAVEST.map((state) => (
          <span key={state} class={`tally ${data.states[state] ? state : ''}`}>
            <strong>{countText(data.states[state])}</strong> {state}
          </span>
        ))}
        <span class="spring" />
        <input type="search" class="narrow" aria-label="Host" placeholder="Host" value={wanted} onInput={(event) => setWanted(event.currentTarget.value)} />
        {loading && <Loading began={began} />}
      </header>
      <Warnings of={{ warnings: data.warnings, ...(data.partial ? { partial: true as const } : {}) }} />
      <Table<Agent>
        label="Agents"
        rows={rows}
        rowKey={({ id }) => id}
        columns={[
          { title: 'State', cell: ({ state }) => <span class={`tally ${state}`}>{state}</span> },
          { title: 'Host', cell: ({ host, id }) => <span title={id}><Text of={host} line /></span> },
          { title: 'Last seen', cell: ({ last_seen, seen_seconds }) => <span title={timeText(last_seen)}>{durationText(seen_seconds * 1_000)} ago</span> },
          { title: 'Unsent', number: true, cell: ({ behind_bytes }) => bytesText(behind_bytes) },
          { title: 'Oldest line waits', cell: ({ oldest_waiting }) => (oldest_waiting ? `since ${agoText(oldest_waiting).replace(' ago', '')}` : '–') },
          { title: 'In the spool', number: true, cell: ({ spool_bytes, spool_lines }) => (spool_bytes ? `${bytesText(spool_bytes)}, ${countText(spool_lines)} lines` : '–') },
          { title: 'Files', number: true, cell: ({ status }) => countText(status.files) },
          { title: 'Lines sent', number: true, cell: ({ status }) => countText(status.sent_lines) },
          { title: 'Version', cell: ({ version, started }) => <span title={`since ${timeText(started)}`}><Text of={version} line /></span> },
          { title: 'Trouble', cell: (agent) => <Trouble agent={agent} /> },
        ]}
      />
    </>
  );
}

function Trouble({ agent }: { agent: Agent }) {
  if (agent.error) return <span class="wrong"><Text of={agent.error} line /></span>;
  if (agent.last_error) return <span class="soft"><Text of={`${agent.last_error} (${agent.last_error_at ? agoText(agent.last_error_at) : 'earlier'})`} line /></span>;
  return <>–</>;
}
