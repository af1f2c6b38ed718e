/** Makes or changes a policy; while one types it says what that would delete. */

import { useEffect, useState } from 'preact/hooks';

import { api, body, type Schemas } from '../api/client';
import { useLoad } from '../api/load';
import { Button } from '../parts/button';
import { Dialog } from '../parts/dialog';
import { Loading } from '../parts/states';
import { toast } from '../parts/toast';
import { useSettled } from '../state/settled';
import { Deletions } from './deletions';
import { useSubmit, words } from './form';

type Policy = Schemas['RetentionPolicy'];
type Wanted = Schemas['PolicyToMake'];

const TYPING_MS = 400;

export function PolicyDialog({ policy, onClose, onDone }: { policy: Policy | undefined; onClose: () => void; onDone: () => void }) {
  const [name, setName] = useState(policy?.name ?? '');
  const [services, setServices] = useState(policy?.services.join(', ') ?? '');
  const [days, setDays] = useState({ hot_days: policy?.hot_days ?? 1, warm_days: policy?.warm_days ?? 30, cold_days: policy?.cold_days ?? 90 });
  const [description, setDescription] = useState(policy?.description ?? '');
  const [confirmed, setConfirmed] = useState(false);
  const isDefault = policy?.name === 'DEFAULT';
  // DEFAULT of a new catalog is nobody's, so that to change it is to make it.
  const isNew = !policy || policy.version === null;
  const wanted: Wanted = {
    ...(name ? { name } : {}),
    services: isDefault ? ['DEFAULT'] : words(services),
    ...days,
    description,
    ...(isNew ? {} : { version: policy.version! }),
  };
  const text = JSON.stringify(wanted);
  const asked = useSettled(text, TYPING_MS);
  const isWhole = isDefault || words(services).length > 0;
  const preview = useLoad(
    isWhole ? (signal) => body(api.POST('/api/v1/retention/preview', { body: JSON.parse(asked) as Schemas['PolicyToPreview'], signal })) : undefined,
    [asked, isWhole],
  );
  const deletes = (preview.data?.deletes.length ?? 0) > 0;
  // What was agreed to is what was shown then, not what is typed since.
  const isShown = text === asked && !preview.loading;
  useEffect(() => setConfirmed(false), [text]);

  const { submit, running, wrong } = useSubmit(async () => {
    const query = { confirm: confirmed && isShown };
    if (isNew) await body(api.POST('/api/v1/retention/policies', { params: { query }, body: wanted }));
    else await body(api.PUT('/api/v1/retention/policies/{name}', { params: { path: { name: policy.name }, query }, body: wanted }));
    toast('The policy holds in a minute, for lines that are taken in from then on');
    onDone();
  });
  const age = (which: keyof typeof days, label: string, hint: string) => (
    <label>
      {label}
      <input
        type="number"
        required
        min={which === 'cold_days' ? 0 : 1}
        step={1}
        value={days[which]}
        onInput={(event) => setDays({ ...days, [which]: event.currentTarget.valueAsNumber || 0 })}
      />
      <span class="hint">{hint}</span>
    </label>
  );
  return (
    <Dialog title={policy ? `The policy ${policy.name}` : 'New policy'} asks onClose={onClose}>
      <form class="stack" onSubmit={submit}>
        {!policy && (
          <label>
            Name
            <input value={name} onInput={(event) => setName(event.currentTarget.value)} placeholder="as its first service" />
          </label>
        )}
        {!isDefault && (
          <label>
            Services
            <input required value={services} onInput={(event) => setServices(event.currentTarget.value)} placeholder="payment-service, debug-*" />
          </label>
        )}
        <div class="ages-form">
          {age('hot_days', 'Hot, days', 'in the fastest place')}
          {age('warm_days', 'Warm until, days', 'in a cheaper one')}
          {age('cold_days', 'Deleted after, days', '0 is never')}
        </div>
        <label>
          Description
          <input value={description} maxLength={2_000} onInput={(event) => setDescription(event.currentTarget.value)} />
        </label>
        {preview.loading && isWhole && <Loading began={preview.began} cancel={preview.cancel} what="Looking at what it deletes" />}
        {preview.error ? (
          <p class="wrong" role="alert">
            {preview.error.message}
          </p>
        ) : (
          preview.data && <Deletions preview={preview.data} />
        )}
        {deletes && (
          <label class="inline wrong">
            <input type="checkbox" checked={confirmed} onChange={(event) => setConfirmed(event.currentTarget.checked)} /> Yes, delete this for ever
          </label>
        )}
        {wrong && (
          <p class="wrong" role="alert">
            {wrong}
          </p>
        )}
        <Button type="submit" kind={deletes ? 'danger' : 'primary'} disabled={running || (isWhole && !isShown) || (deletes && !confirmed)}>
          {deletes ? 'Save and delete' : 'Save'}
        </Button>
      </form>
    </Dialog>
  );
}
