/** All rules, with what they look for, and whether they fire. */

import { useRef, useState } from 'preact/hooks';

import { api, body } from '../api/client';
import { usePolled } from '../api/load';
import { Button } from '../parts/button';
import { Drafts } from '../parts/drafts';
import { Icon } from '../parts/icon';
import { Empty, Failed, Loading } from '../parts/states';
import { Table } from '../parts/table';
import { toastError } from '../parts/toast';
import { reconnects } from '../state/connection';
import { go, href, place } from '../state/place';
import { begin, parsedRule } from './copied';
import { formOf, type AlertRule } from './form';
import { rulePath, useRules } from './rules_known';
import { Switch } from './rule_menu';
import { conditionText, visible } from './words';

const EVERY_MS = 10_000;
const MOST_BYTES = 1_000_000;

export function Rules() {
  const { data, error, loading, began, reload } = useRules();
  const alerts = usePolled((signal) => body(api.GET('/api/v1/alerts', { params: { query: { state: ['firing', 'pending'], samples: false, limit: 10_000 } }, signal })), [reconnects.value], EVERY_MS);
  const text = place.value.params.get('text') ?? '';
  const [typed, setTyped] = useState(text);
  const wanted = typed.toLowerCase();
  const rules = (data?.rules ?? []).filter((rule) => !wanted || JSON.stringify([rule.name, rule.condition, rule.labels, rule.file]).toLowerCase().includes(wanted));
  const stateOf = (rule: AlertRule) => {
    const own = (alerts.data?.alerts ?? []).filter(({ rule_id }) => rule_id === rule.rule_id);
    return { firing: own.filter(({ state }) => state === 'firing').length, pending: own.filter(({ state }) => state === 'pending').length };
  };
  return (
    <>
      <header>
        <h1>Rules</h1>
        <input
          type="search"
          class="filter"
          aria-label="Filter the rules"
          placeholder="Filter by name, service, label …"
          value={typed}
          onInput={(event) => {
            setTyped(event.currentTarget.value);
            go(href('/alerts/rules', { text: event.currentTarget.value }), { replace: true });
          }}
        />
        <span class="spring" />
        <Import />
        <a class="button primary" href="/alerts/rules/new">
          <Icon name="plus" /> New rule
        </a>
      </header>
      <Drafts below="/alerts/rules" />
      {data?.broken_files.map(({ file, line, message }) => (
        <div key={`${file} ${line} ${message}`} class="notice bad" role="alert">
          <Icon name="warning" />
          <span>
            <code>
              {visible(file)}
              {line !== null && `:${line}`}
            </code>{' '}
            {visible(message)}. The rules that it had before hold.
          </span>
        </div>
      ))}
      {error && !data && <Failed error={error} retry={reload} />}
      {loading && !data && <Loading began={began} />}
      {data && !data.rules.length && (
        <Empty title="There is no rule yet">
          A rule says which lines are too many, too slow, or missing, and who is told. <a href="/alerts/rules/new">Make the first one.</a>
        </Empty>
      )}
      {data && data.rules.length > 0 && !rules.length && <Empty title="No rule is like this">None of {data.rules.length} has “{visible(typed)}”.</Empty>}
      {rules.length > 0 && (
        <Table
          label="Rules"
          rows={rules}
          rowKey={({ rule_id }) => rule_id}
          columns={[
            { title: 'State', cell: (rule) => <RuleState enabled={rule.enabled ?? true} {...stateOf(rule)} href={href('/alerts', { rule: rule.rule_id })} /> },
            { title: 'Severity', cell: ({ severity = 'error' }) => <span class={`severity ${severity}`}>{severity}</span> },
            {
              title: 'Rule',
              cell: (rule) => (
                <div class="rule-cell">
                  <a class="alert-rule" href={rulePath(rule.rule_id)}>
                    {visible(rule.name)}
                  </a>
                  <span class="soft">
                    {conditionText(rule.condition)}
                    {rule.group_by?.length ? ` · for each ${rule.group_by.map((name) => visible(name)).join(', ')}` : ''}
                  </span>
                </div>
              ),
            },
            { title: 'Tells', cell: (rule) => tellsText(rule) || <span class="soft">nobody</span> },
            { title: 'From', cell: ({ file, updated_by }) => (file ? <code title="Of the server: read-only">{visible(file)}</code> : <span class="soft">{updated_by ? visible(updated_by) : 'API'}</span>) },
            { title: '', cell: (rule) => (rule.read_only ? null : <Switch rule={rule} onChanged={reload} />) },
          ]}
        />
      )}
    </>
  );
}

function RuleState({ enabled, firing, pending, href: to }: { enabled: boolean; firing: number; pending: number; href: string }) {
  if (!enabled) return <span class="pill">disabled</span>;
  if (firing)
    return (
      <a class="pill firing" href={to}>
        {firing} firing
      </a>
    );
  if (pending)
    return (
      <a class="pill pending" href={to}>
        {pending} pending
      </a>
    );
  return <span class="pill resolved">calm</span>;
}

function tellsText(rule: AlertRule): string {
  const counts = new Map<string, number>();
  for (const { type } of rule.action ? [rule.action] : (rule.actions ?? [])) counts.set(type, (counts.get(type) ?? 0) + 1);
  return [...counts].map(([type, count]) => (count > 1 ? `${count} × ${type}` : type)).join(', ');
}

function Import() {
  const input = useRef<HTMLInputElement>(null);
  const read = async (file: File | undefined) => {
    if (!file) return;
    try {
      if (file.size > MOST_BYTES) throw new Error('the file is larger than any rule');
      begin(formOf(parsedRule(await file.text())));
    } catch (error) {
      toastError(error);
    }
    if (input.current) input.current.value = '';
  };
  return (
    <>
      <input ref={input} type="file" accept="application/json,.json" hidden aria-label="A rule as JSON" onChange={(event) => void read(event.currentTarget.files?.[0])} />
      <Button icon="upload" onClick={() => input.current?.click()}>
        Import
      </Button>
    </>
  );
}
