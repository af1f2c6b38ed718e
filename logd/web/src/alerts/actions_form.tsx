/** Whom a rule tells: several of each kind. Secrets are named by reference; what is hidden stays what it was. */

import { Button, IconButton } from '../parts/button';
import { ListField, PairsField, TextField } from './fields';
import { emptyAction, HIDDEN, withoutAction, type ActionForm, type RuleForm } from './form';
import { ACTIONS, type ActionType } from './kinds';
import { useProblem } from './problems';

const REFERENCE = 'env:ALERT_NAME';
const TYPES = Object.keys(ACTIONS) as ActionType[];

export function ActionsForm({ form, onChange }: { form: RuleForm; onChange: (patch: Partial<RuleForm>) => void }) {
  const { actions, single } = form;
  const problem = useProblem('actions');
  // Which hidden secrets are known depends on the place.
  const isSingle = single && actions.length === 1;
  return (
    <div class="actions">
      {actions.map((action, place) => (
        <Action
          key={place}
          action={action}
          number={place + 1}
          path={isSingle ? 'action' : `actions[${place}]`}
          onChange={(changed) => onChange({ actions: actions.map((old, at) => (at === place ? changed : old)) })}
          onRemove={() => onChange({ actions: withoutAction(actions, place) })}
        />
      ))}
      {!actions.length && <p class="soft">Nobody is told: what fires is in the list alone.</p>}
      {problem && !actions.length && (
        <p class="wrong" role="alert">
          {problem}
        </p>
      )}
      <div class="toolbar" role="group" aria-label="Add a target">
        {TYPES.map((type) => (
          <Button key={type} icon="plus" disabled={actions.length >= 10} onClick={() => onChange({ actions: [...actions, emptyAction(type)] })}>
            {ACTIONS[type].name}
          </Button>
        ))}
      </div>
    </div>
  );
}

interface ActionProps {
  action: ActionForm;
  number: number;
  path: string;
  onChange: (action: ActionForm) => void;
  onRemove: () => void;
}

function Action({ action, number, path, onChange, onRemove }: ActionProps) {
  const { name, help, takes } = ACTIONS[action.type];
  const set = (patch: Partial<ActionForm>) => onChange({ ...action, ...patch });
  const problem = useProblem(`${path}.type`);
  return (
    <fieldset class="action" data-path={path}>
      <legend class="inner-head">
        <h4>
          {number}. {name}
        </h4>
      </legend>
      <IconButton class="action-remove" label={`Remove ${name} ${number}`} icon="trash" onClick={onRemove} />
      <p class="hint">{help}</p>
      {problem && (
        <p class="wrong" role="alert">
          {problem}
        </p>
      )}
      {takes.includes('url') && (
        <TextField
          label={action.type === 'pagerduty' ? 'Address (the usual one unless told)' : 'Address'}
          path={`${path}.url`}
          value={action.url}
          onChange={(url) => set({ url })}
          placeholder={action.type === 'pagerduty' ? '' : `https://… or ${REFERENCE}_URL`}
          inputMode="url"
          hint={action.url.includes(HIDDEN) ? `What is hidden (${HIDDEN}) stays as it is; with another address, name all of it anew.` : undefined}
        />
      )}
      {takes.includes('routing_key') && <TextField label="Routing key, by reference" path={`${path}.routing_key`} value={action.routing_key} onChange={(routing_key) => set({ routing_key })} placeholder={`${REFERENCE}_KEY`} hint="Where the secret is: env:NAME or file:/PATH." />}
      {takes.includes('to') && <ListField label="To" path={`${path}.to`} values={action.to} onChange={(to) => set({ to })} placeholder="on-call@example.org" />}
      {takes.includes('secret') && <TextField label="Secret of the signature, by reference" path={`${path}.secret`} value={action.secret} onChange={(secret) => set({ secret })} placeholder={`${REFERENCE}_SECRET`} hint="Optional: env:NAME or file:/PATH." />}
      {takes.includes('headers') && <PairsField label="Headers" what="header" path={`${path}.headers`} pairs={action.headers} onChange={(headers) => set({ headers })} hint="Values may be references, such as env:ALERT_AUTH." />}
      {takes.includes('body') && <TextField label="Body (a template; the usual JSON unless told)" path={`${path}.body`} value={action.body} onChange={(body) => set({ body })} rows={action.body ? 5 : 2} />}
    </fieldset>
  );
}
