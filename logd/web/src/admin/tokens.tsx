/** Who may: tokens of the API. A new one's text is shown once. */

import { useState } from 'preact/hooks';

import { api, body, type Schemas } from '../api/client';
import { useLoad } from '../api/load';
import { Button } from '../parts/button';
import { copy } from '../parts/copy';
import { Dialog } from '../parts/dialog';
import { Empty, Failed, Loading } from '../parts/states';
import { Table } from '../parts/table';
import { Text } from '../parts/text';
import { reconnects } from '../state/connection';
import { token as mine } from '../state/session';
import { timeText } from '../state/time';
import { Ask } from './ask';
import { useSubmit, words } from './form';

type Token = Schemas['Token'];

export function Tokens() {
  const { data, error, began, reload } = useLoad((signal) => body(api.GET('/api/v1/tokens', { signal })), [reconnects.value]);
  const [making, setMaking] = useState(false);
  const [made, setMade] = useState<Schemas['NewToken']>();
  const [revoking, setRevoking] = useState<Token>();
  if (!data) return error ? <Failed error={error} retry={reload} /> : <Loading began={began} />;
  return (
    <>
      <header class="toolbar">
        <span class="soft">{data.needed ? 'A request without a token is refused.' : 'Nobody needs a token yet: whoever reaches this server may do everything.'}</span>
        <span class="spring" />
        <Button kind="primary" icon="plus" onClick={() => setMaking(true)}>
          New token
        </Button>
      </header>
      {data.tokens.length ? (
        <Table<Token>
          label="Tokens"
          rows={data.tokens.toReversed()}
          rowKey={({ id }) => id}
          columns={[
            {
              title: 'Name',
              cell: ({ name, id, own }) => (
                <>
                  <Text of={name} line />
                  {own && ' (yours)'} <code class="soft">{id}</code>
                </>
              ),
            },
            { title: 'May', cell: ({ scopes }) => scopes.join(', ') },
            { title: 'Services', cell: ({ services }) => <Text of={services.join(', ') || 'all'} line /> },
            { title: 'Hosts', cell: ({ hosts }) => <Text of={hosts.join(', ') || 'all'} line /> },
            { title: 'Created', cell: ({ created }) => timeText(created, { millis: false }) },
            { title: 'Expires', cell: ({ expires }) => (expires ? timeText(expires, { millis: false }) : 'never') },
            { title: 'State', cell: ({ state }) => <span class={`tally ${state === 'active' ? 'ok' : 'silent'}`}>{state}</span> },
            {
              title: 'Revoke',
              cell: (one) =>
                one.state === 'active' && (
                  <Button kind="plain" onClick={() => setRevoking(one)}>
                    Revoke
                  </Button>
                ),
            },
          ]}
        />
      ) : (
        <Empty title="No tokens">With the first one, requests need one: it must be allowed to administer, and this browser signs in with it.</Empty>
      )}
      {making && (
        <Make
          first={!data.needed && !data.tokens.length}
          onClose={() => setMaking(false)}
          onMade={(token) => {
            setMaking(false);
            setMade(token);
            if (!data.needed && !mine.value) mine.value = token.token;
            reload();
          }}
        />
      )}
      {made && <Made token={made} onClose={() => setMade(undefined)} />}
      {revoking && (
        <Ask
          title={`Revoke ${revoking.name}?`}
          action="Revoke"
          onClose={() => setRevoking(undefined)}
          run={async () => {
            await body(api.DELETE('/api/v1/tokens/{id}', { params: { path: { id: revoking.id } } }));
            reload();
            return `${revoking.name} is revoked`;
          }}
        >
          {revoking.own ? 'It is the token that you use here: you will need another one.' : 'Whoever uses it is refused from now on. It can’t be taken back.'}
        </Ask>
      )}
    </>
  );
}

const SCOPES = { ingest: 'send lines', search: 'search', admin: 'administer' } as const;

function Make({ first, onClose, onMade }: { first: boolean; onClose: () => void; onMade: (token: Schemas['NewToken']) => void }) {
  const [name, setName] = useState('');
  const [scopes, setScopes] = useState<readonly string[]>(first ? Object.keys(SCOPES) : ['search']);
  const [services, setServices] = useState('');
  const [hosts, setHosts] = useState('');
  const [expires, setExpires] = useState(first ? '' : '90d');
  const { submit, running, wrong } = useSubmit(async () =>
    onMade(
      await body(
        api.POST('/api/v1/tokens', {
          body: { name, scopes: [...scopes], services: words(services), hosts: words(hosts), expires: expires || null, requests_per_second: null, bytes_per_second: null },
        }),
      ),
    ),
  );
  return (
    <Dialog title="New token" asks onClose={onClose}>
      <form class="stack" onSubmit={submit}>
        <label>
          Name
          <input required maxLength={200} value={name} onInput={(event) => setName(event.currentTarget.value)} placeholder="web-1’s agent" />
        </label>
        <fieldset>
          <legend>May</legend>
          {Object.entries(SCOPES).map(([scope, text]) => (
            <label key={scope} class="inline">
              <input
                type="checkbox"
                checked={scopes.includes(scope)}
                onChange={(event) => setScopes(event.currentTarget.checked ? [...scopes, scope] : scopes.filter((one) => one !== scope))}
              />
              {text}
            </label>
          ))}
        </fieldset>
        <label>
          Only these services
          <input value={services} onInput={(event) => setServices(event.currentTarget.value)} placeholder="all" />
        </label>
        <label>
          Only these hosts
          <input value={hosts} onInput={(event) => setHosts(event.currentTarget.value)} placeholder="all" />
        </label>
        <label>
          Expires after
          <input value={expires} onInput={(event) => setExpires(event.currentTarget.value)} placeholder="never" />
        </label>
        <p class="hint">Several services or hosts are parted by commas. Times such as 12h, 90d, 52w; none is never.</p>
        {wrong && (
          <p class="wrong" role="alert">
            {wrong}
          </p>
        )}
        <Button type="submit" kind="primary" disabled={running || !scopes.length}>
          Make it
        </Button>
      </form>
    </Dialog>
  );
}

function Made({ token, onClose }: { token: Schemas['NewToken']; onClose: () => void }) {
  return (
    <Dialog title={`The token ${token.name}`} onClose={onClose}>
      <div class="stack">
        <p>This is the only time that it is shown.</p>
        <code class="secret">{token.token}</code>
        <Button icon="copy" onClick={() => void copy(token.token, 'the token')}>
          Copy
        </Button>
      </div>
    </Dialog>
  );
}
