import { useLayoutEffect, useMemo, useState } from 'preact/hooks';

import { api, body, type ApiError } from '../api/client';
import { asApiError } from '../api/load';
import { Button } from '../parts/button';
import { Icon } from '../parts/icon';
import { toast } from '../parts/toast';
import { draftAt, dropDraft, keepDraft } from '../state/drafts';
import { go, place } from '../state/place';
import { timeText } from '../state/time';
import { ActionsForm } from './actions_form';
import { ConditionForm } from './condition_form';
import { newPath, titleOf, type Changed } from './copied';
import { ListField, PairsField, SelectField, TextField } from './fields';
import { ruleOf, type AlertRule, type RuleForm } from './form';
import { RuleHistory } from './history';
import { SEVERITIES } from './kinds';
import { useKnown } from './known_values';
import { Notify } from './notify';
import { Preview } from './preview';
import { ProblemsContext, problemsOf } from './problems';
import { rulePath } from './rules_known';
import { RuleMenu } from './rule_menu';
import { visible } from './words';

interface RuleEditorProps {
  initial: RuleForm;
  /** As it is kept; undefined for a new one. */
  rule: AlertRule | undefined;
  reload: () => void;
}

export function RuleEditor({ initial, rule, reload }: RuleEditorProps) {
  const path = rule ? rulePath(rule.rule_id) : newPath(place.value.params.get('copy') ?? undefined);
  const [draft] = useState(() => draftAt<Changed>(path));
  const [form, setForm] = useState(draft?.form ?? initial);
  const [version, setVersion] = useState(draft ? draft.version : (rule?.version ?? undefined));
  const [refused, setRefused] = useState<ApiError>();
  const [untried, setUntried] = useState<ApiError>();
  const [busy, setBusy] = useState(false);
  const known = useKnown();
  const isDirty = JSON.stringify(ruleOf(form)) !== JSON.stringify(ruleOf(initial));
  const problems = useMemo(() => new Map([...problemsOf(untried), ...problemsOf(refused)]), [untried, refused]);
  const readOnly = rule?.read_only ?? false;
  const set = (patch: Partial<RuleForm>) => {
    setForm((before) => ({ ...before, ...patch }));
    setRefused(undefined);
  };
  // Before anything else can be clicked.
  useLayoutEffect(() => {
    if (isDirty) keepDraft<Changed>(path, { title: titleOf(form), value: { form, version } });
    else dropDraft(path);
  }, [form, isDirty, version]);
  const drop = () => {
    dropDraft(path);
    if (!rule) return go('/alerts/rules');
    setForm(initial);
    setVersion(rule.version ?? undefined);
    setRefused(undefined);
    reload();
  };

  const save = async (over: number | undefined) => {
    setBusy(true);
    setRefused(undefined);
    try {
      const sent = ruleOf(form);
      if (rule) {
        await body(api.PUT('/api/v1/alerts/rules/{id}', { params: { path: { id: rule.rule_id } }, body: { ...sent, ...(over ? { version: over } : {}) } }));
        dropDraft(path);
        toast('The rule is saved.');
        reload();
      } else {
        const made = await body(api.POST('/api/v1/alerts/rules', { body: sent }));
        dropDraft(path);
        toast('The rule watches from now on.');
        go(rulePath(made.rule_id), { replace: true });
      }
    } catch (error) {
      setRefused(asApiError(error));
    }
    setBusy(false);
  };
  const isConflict = (refused?.status === 409 && refused.where === 'version') || (isDirty && rule !== undefined && version !== (rule.version ?? undefined));

  return (
    <ProblemsContext.Provider value={problems}>
      <header>
        <h1>{rule ? visible(rule.name) : 'New rule'}</h1>
        {rule && !rule.enabled && <span class="pill">disabled</span>}
        {isDirty && <span class="pill pending">not saved</span>}
        <span class="spring" />
        <Notify id={rule?.rule_id} rule={rule && (readOnly || !isDirty) ? undefined : () => ruleOf(form)} onProblem={setRefused} />
        {rule && <RuleMenu rule={rule} form={form} isDirty={isDirty} onChanged={reload} />}
        {isDirty && <Button onClick={drop}>Drop changes</Button>}
        {!readOnly && (
          <Button kind="primary" icon="check" disabled={busy || (rule !== undefined && !isDirty)} onClick={() => save(version)}>
            {rule ? 'Save' : 'Create'}
          </Button>
        )}
      </header>
      {readOnly && (
        <p class="notice" role="note">
          <Icon name="edit" /> This rule is in the file <code>{visible(rule?.file ?? '')}</code> of the server: it is changed there. What you change here is tried, and can be kept as a copy.
        </p>
      )}
      {isConflict ? (
        <div class="notice bad" role="alert">
          <Icon name="warning" />
          <span>Somebody has changed this rule since you opened it: nothing is saved yet.</span>
          <Button onClick={drop}>Show theirs, drop mine</Button>
          <Button kind="danger" onClick={() => save(undefined)}>
            Replace theirs by mine
          </Button>
        </div>
      ) : (
        refused && (
          <p class="notice bad" role="alert">
            <Icon name="warning" /> {visible(refused.message)}
          </p>
        )
      )}
      <div class="editor">
        <form class="editor-form" aria-label="Rule" onSubmit={(event) => event.preventDefault()}>
          <section class="card stack">
            <div class="fields">
              <TextField label="Name" path="name" value={form.name} onChange={(name) => set({ name })} placeholder="payment: errors" class="span-2" />
              <SelectField label="Severity" path="severity" value={form.severity} onChange={(severity) => set({ severity })} options={SEVERITIES.map((one) => [one, one] as const)} class="narrow" />
              <label class="inline enabled">
                <input type="checkbox" checked={form.enabled} onChange={(event) => set({ enabled: event.currentTarget.checked })} /> Watches
              </label>
            </div>
          </section>
          <section class="card stack" aria-label="Condition">
            <h2>Condition</h2>
            <ConditionForm form={form.condition} onChange={(condition) => set({ condition })} known={known} />
            <div class="fields">
              <ListField label="For each (up to 3 fields)" path="group_by" values={form.group_by} onChange={(group_by) => set({ group_by })} options={known.fields} most={3} placeholder="all lines together" hint="Each of their values is an alert of its own." class="span-2" />
              <TextField label="True for" path="for" value={form.for} onChange={(text) => set({ for: text })} class="narrow" hint="Before it fires; 0 is at once." />
              <TextField label="Groups at most" path="max_groups" value={form.max_groups} onChange={(max_groups) => set({ max_groups })} inputMode="decimal" class="narrow" />
            </div>
          </section>
          <section class="card stack" aria-label="Who is told">
            <h2>Who is told</h2>
            <ActionsForm form={form} onChange={set} />
            <div class="fields">
              <TextField label="Not again within" path="cooldown_seconds" value={form.cooldown} onChange={(cooldown) => set({ cooldown })} class="narrow" hint="Of a group that fires anew." />
              <TextField label="Runbook" path="runbook" value={form.runbook} onChange={(runbook) => set({ runbook })} placeholder="https://…" inputMode="url" class="span-2" />
            </div>
            <TextField label="Description" path="description" value={form.description} onChange={(description) => set({ description })} rows={2} />
            <PairsField label="Labels" what="label" path="labels" pairs={form.labels} onChange={(labels) => set({ labels })} hint="For silences, inhibition and Alertmanager." />
          </section>
          {rule?.updated && (
            <p class="hint">
              Version {rule.version}, changed {timeText(rule.updated, { millis: false })}
              {rule.updated_by && ` by ${visible(rule.updated_by)}`}; made {timeText(rule.created ?? '', { millis: false })}
              {rule.created_by && ` by ${visible(rule.created_by)}`}.
            </p>
          )}
        </form>
        <div class="editor-side">
          <Preview form={form} onProblem={setUntried} onThreshold={(threshold) => set({ condition: { ...form.condition, threshold } })} />
          {rule && <RuleHistory rule={rule} />}
        </div>
      </div>
    </ProblemsContext.Provider>
  );
}

