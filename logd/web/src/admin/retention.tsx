/** Retention policies, and what a change of them deletes before it is made. */

import { useState } from 'preact/hooks';

import { api, body, type Schemas } from '../api/client';
import { useLoad } from '../api/load';
import { Button, IconButton } from '../parts/button';
import { Failed, Loading } from '../parts/states';
import { Table } from '../parts/table';
import { Text } from '../parts/text';
import { escaped } from '../parts/visible';
import { reconnects } from '../state/connection';
import { timeText } from '../state/time';
import { Ask } from './ask';
import { PolicyDialog } from './policy';
import { Deletions } from './deletions';

type Policy = Schemas['RetentionPolicy'];

export function Retention() {
  const { data, error, began, reload } = useLoad((signal) => body(api.GET('/api/v1/retention/policies', { signal })), [reconnects.value]);
  const [edited, setEdited] = useState<Policy | 'new'>();
  const [deleted, setDeleted] = useState<Policy>();
  if (!data) return error ? <Failed error={error} retry={reload} /> : <Loading began={began} />;
  return (
    <>
      <header class="toolbar">
        <span class="soft">How long whose lines are kept where. DEFAULT is of services that no other policy names; the first that matches holds.</span>
        <span class="spring" />
        <Button kind="primary" icon="plus" onClick={() => setEdited('new')}>
          New policy
        </Button>
      </header>
      <Table<Policy>
        label="Retention policies"
        rows={data.policies}
        rowKey={({ name }) => name}
        columns={[
          { title: 'Policy', cell: ({ name, description }) => <span title={escaped(description)}><Text of={name} line /></span> },
          { title: 'Services', cell: ({ services }) => <Text of={services.filter((name) => name !== 'DEFAULT').join(', ') || 'all others'} line /> },
          { title: 'Kept', cell: (policy) => <Ages policy={policy} /> },
          { title: 'In force', cell: ({ valid_from: from }) => (from ? `since ${timeText(from, { millis: false })}` : '–') },
          { title: 'Changed', cell: ({ updated, updated_by: by }) => (updated ? `${timeText(updated, { millis: false })}${by ? ` by ${by}` : ''}` : '–') },
          {
            title: 'Change',
            cell: (policy) =>
              policy.read_only && policy.name !== 'DEFAULT' ? (
                <span class="soft">in the configuration</span>
              ) : (
                <span class="row-actions">
                  <IconButton label={`Change ${policy.name}`} icon="edit" onClick={() => setEdited(policy)} />
                  {!policy.read_only && <IconButton label={`Delete ${policy.name}`} icon="trash" onClick={() => setDeleted(policy)} />}
                </span>
              ),
          },
        ]}
      />
      {edited && (
        <PolicyDialog
          policy={edited === 'new' ? undefined : edited}
          onClose={() => setEdited(undefined)}
          onDone={() => {
            setEdited(undefined);
            reload();
          }}
        />
      )}
      {deleted && <DeletePolicy policy={deleted} onClose={() => setDeleted(undefined)} onDone={reload} />}
    </>
  );
}

/** A bar of the three tiers, and the same in words. */
function Ages({ policy: { hot_days: hot, warm_days: warm, cold_days: cold } }: { policy: Policy }) {
  const days = (count: number) => (count === 1 ? '1 day' : `${count} days`);
  const text = `hot ${days(hot)}, warm until ${days(warm)}, ${cold ? `deleted after ${days(cold)}` : 'kept for ever'}`;
  // Ages differ a hundredfold, so widths grow with their root.
  const widths = [hot, warm - hot, cold ? cold - warm : Math.max(warm, 30)].map((part) => Math.sqrt(Math.max(0, part)));
  return (
    <div class="ages">
      <div class="ages-bar" aria-hidden="true">
        {widths.map((width, tier) => width > 0 && <i key={tier} class={['hot', 'warm', 'cold'][tier]!} style={{ flexGrow: width }} />)}
      </div>
      <span>{text}</span>
    </div>
  );
}

function DeletePolicy({ policy, onClose, onDone }: { policy: Policy; onClose: () => void; onDone: () => void }) {
  const { data, error, began, reload } = useLoad(
    (signal) => body(api.POST('/api/v1/retention/preview', { body: { delete: policy.name } as Schemas['PolicyToPreview'], signal })),
    [policy.name],
  );
  return (
    <Ask
      title={`Delete the policy ${policy.name}?`}
      action="Delete"
      unready={!data}
      onClose={onClose}
      run={async () => {
        await body(
          api.DELETE('/api/v1/retention/policies/{name}', {
            params: { path: { name: policy.name }, query: { confirm: true, ...(policy.version === null ? {} : { version: policy.version }) } },
          }),
        );
        onDone();
        return `${policy.name} is deleted: DEFAULT holds for its services`;
      }}
    >
      {data ? <Deletions preview={data} /> : error ? <Failed error={error} retry={reload} /> : <Loading began={began} what="Looking at what it deletes" />}
    </Ask>
  );
}
