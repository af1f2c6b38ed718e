/** The condition of a rule: its kind, which lines it is of, and what the kind takes. */

import { useMemo, useRef } from 'preact/hooks';

import { ApiError } from '../api/client';
import { Button, IconButton } from '../parts/button';
import { LEVELS } from '../parts/levels';
import { QueryBar } from '../parts/query_bar';
import { valuesOf, written } from '../state/values';
import { ListField, SelectField, TextField } from './fields';
import { emptyCondition, type ConditionForm as Form } from './form';
import { COMPARED, INNER_KINDS, isNumeric, kindOf, KINDS } from './kinds';
import type { Known } from './known_values';
import { columnOf, useProblem } from './problems';

interface ConditionFormProps {
  form: Form;
  onChange: (form: Form) => void;
  known: Known;
  path?: string;
  inner?: boolean;
}

export function ConditionForm({ form, onChange, known, path = 'condition', inner = false }: ConditionFormProps) {
  const kind = kindOf(form.aggregation);
  const set = (patch: Partial<Form>) => onChange({ ...form, ...patch });
  const takes = (name: (typeof kind.takes)[number]) => kind.takes.includes(name);
  const choose = (aggregation: Form['aggregation']) => {
    const conditions = aggregation === 'composite' && form.conditions.length < 2 ? [{ ...emptyCondition() }, { ...emptyCondition('ratio') }] : form.conditions;
    set({ aggregation, conditions });
  };
  return (
    <div class="condition">
      <div class="fields">
        <SelectField label="Fires on" path={`${path}.aggregation`} value={form.aggregation} onChange={choose} options={(inner ? INNER_KINDS : KINDS).map((one) => [one.aggregation, one.name] as const)} hint={kind.help} class="span-2" />
        {takes('field') && <TextField label="Field" path={`${path}.field`} value={form.field} onChange={(field) => set({ field })} options={isNumeric(form.aggregation) ? known.numbers : known.fields} placeholder={isNumeric(form.aggregation) ? 'latency_ms' : 'user_id'} />}
        {takes('threshold') && (
          <>
            <SelectField label="Is" path={`${path}.compare`} value={form.compare} onChange={(compare) => set({ compare })} options={COMPARED} class="narrow" />
            <TextField label={kind.threshold ? `Threshold (${kind.threshold})` : 'Threshold'} path={`${path}.threshold`} value={form.threshold} onChange={(threshold) => set({ threshold })} inputMode="decimal" class="narrow" />
          </>
        )}
        {takes('against') && (
          <SelectField
            label="Compared with"
            path={`${path}.against`}
            value={form.against || 'previous'}
            onChange={(against) => set({ against })}
            options={inner ? [['previous', 'the window before']] : [['previous', 'the window before'], ['last_week', 'the same window a week ago']]}
          />
        )}
        {takes('at_least') && <TextField label="That had at least (lines)" path={`${path}.at_least`} value={form.at_least} onChange={(at_least) => set({ at_least })} inputMode="decimal" class="narrow" />}
        {takes('match') && (
          <SelectField label="True when" path={`${path}.match`} value={form.match || 'all'} onChange={(match) => set({ match })} options={[['all', 'all conditions are'], ['any', 'any condition is']]} />
        )}
      </div>
      <div class="fields">
        {!inner && <TextField label={form.aggregation === 'new_value' || form.aggregation === 'new_pattern' ? 'Known for' : 'Within'} path={`${path}.window_seconds`} value={form.window} onChange={(window) => set({ window })} placeholder="5m" class="narrow" />}
        <ListField label="Service" path={`${path}.service`} values={valuesOf(form.service)} onChange={(values) => set({ service: written(values).join(',') })} options={known.services} placeholder="any" />
        <ListField label="Level" path={`${path}.level`} values={valuesOf(form.level)} onChange={(values) => set({ level: written(values).join(',') })} options={LEVELS} placeholder="any" />
        <ListField label="Host" path={`${path}.host`} values={valuesOf(form.host)} onChange={(values) => set({ host: written(values).join(',') })} options={known.hosts} placeholder="any" />
      </div>
      <Query label={form.aggregation === 'ratio' ? 'Query of those that count' : 'Query'} path={`${path}.query`} value={form.query} onChange={(query) => set({ query })} />
      {takes('of') && <Query label={form.aggregation === 'absence' ? 'While there is' : 'Out of (a query; everything unless told)'} path={`${path}.of`} value={form.of} onChange={(of) => set({ of })} />}
      {takes('conditions') && (
        <ol class="conditions" data-path={`${path}.conditions`}>
          {form.conditions.map((one, place) => (
            <li key={place} class="inner-condition">
              <div class="inner-head">
                <h4>Condition {place + 1}</h4>
                <IconButton label={`Remove condition ${place + 1}`} icon="trash" disabled={form.conditions.length < 3} onClick={() => set({ conditions: form.conditions.filter((_, at) => at !== place) })} />
              </div>
              <ConditionForm form={one} known={known} inner path={`${path}.conditions[${place}]`} onChange={(changed) => set({ conditions: form.conditions.map((old, at) => (at === place ? changed : old)) })} />
            </li>
          ))}
          {form.conditions.length < 10 && (
            <li>
              <Button icon="plus" onClick={() => set({ conditions: [...form.conditions, emptyCondition()] })}>
                Add a condition
              </Button>
            </li>
          )}
        </ol>
      )}
    </div>
  );
}

function Query({ label, path, value, onChange }: { label: string; path: string; value: string; onChange: (value: string) => void }) {
  const problem = useProblem(path);
  const column = columnOf(problem);
  // What was typed in the bar isn't given back to it: it would come late, and take the place of what is typed since.
  const typed = useRef(value);
  const given = useRef(value);
  if (value !== typed.current) typed.current = given.current = value;
  const change = (text: string) => {
    typed.current = text;
    onChange(text);
  };
  // Errors of queries that have a column are the bar's to show, which looks at each new one.
  const error = useMemo(() => (problem && column ? new ApiError(400, 'bad_query', problem, `q:${column}`) : undefined), [problem, column]);
  return (
    <div class={`field ${problem ? 'is-wrong' : ''}`} data-path={path}>
      <span class="field-label" aria-hidden="true">
        {label}
      </span>
      <QueryBar label={label} value={given.current} onChange={change} onSubmit={change} error={error} range={{ from: '-24h', to: 'now' }} />
      {problem && !column && (
        <p class="wrong" role="alert">
          {problem}
        </p>
      )}
    </div>
  );
}
