/** What fires now, what is about to, and what did lately. */

import { useEffect, useState } from 'preact/hooks';

import { api, body, type Schemas } from '../api/client';
import { usePolled } from '../api/load';
import { Button } from '../parts/button';
import { Empty, Failed, Loading } from '../parts/states';
import { Text } from '../parts/text';
import { reconnects } from '../state/connection';
import { countText } from '../state/numbers';
import { go, href, place } from '../state/place';
import { timeText } from '../state/time';
import { Acknowledge, AlertCard } from './alert_card';
import { SEVERITIES, type Severity } from './kinds';
import { useRules } from './rules_known';
import { SilenceDialog } from './silence_dialog';
import { asGlob } from './silencing';

type Alert = Schemas['Alert'];
const EVERY_MS = 10_000;
const STATES = ['firing', 'pending', 'resolved'] as const;
const MOST = 200;

export function Firing() {
  const { params } = place.value;
  const states = STATES.filter((state) => params.getAll('state').includes(state));
  const severity = SEVERITIES.filter((one) => params.getAll('severity').includes(one));
  const rule = params.get('rule') ?? '';
  const asked = JSON.stringify([states, severity, rule]);
  const { data, error, loading, began, reload } = usePolled(
    (signal) => body(api.GET('/api/v1/alerts', { params: { query: { state: [...states], severity: [...severity], rule: rule || undefined, limit: MOST } }, signal })),
    [asked, reconnects.value],
    EVERY_MS,
  );
  const rules = useRules();
  const [acknowledging, setAcknowledging] = useState<Alert>();
  const [silencing, setSilencing] = useState<Alert>();
  const firing = data?.counts.firing ?? 0;
  useEffect(() => {
    document.title = firing ? `(${firing}) Alerts · logd` : 'Alerts · logd';
  }, [firing]);

  const show = (patch: { state?: readonly string[]; severity?: readonly string[]; rule?: string }) => go(href('/alerts', { state: states, severity, rule, ...patch }));
  const toggled = <T extends string>(all: readonly T[], one: T) => (all.includes(one) ? all.filter((other) => other !== one) : [...all, one]);
  const known = new Map((rules.data?.rules ?? []).map((one) => [one.rule_id, one]));

  return (
    <>
      <header>
        <h1>Alerts</h1>
        <div class="toolbar" role="group" aria-label="States">
          {STATES.map((state) => (
            <Button key={state} class={`chip-button ${state}`} aria-pressed={states.includes(state)} onClick={() => show({ state: toggled(states, state) })}>
              <b>{data ? countText(data.counts[state]) : '–'}</b> {state}
            </Button>
          ))}
        </div>
        <span class="spring" />
        {rule && (
          <Button icon="close" onClick={() => show({ rule: '' })}>
            <Text of={known.get(rule)?.name ?? rule} line />
          </Button>
        )}
        <label class="inline">
          Severity
          <select value={severity.length === 1 ? severity[0] : ''} onChange={(event) => show({ severity: event.currentTarget.value ? [event.currentTarget.value as Severity] : [] })}>
            <option value="">any</option>
            {SEVERITIES.map((one) => (
              <option key={one}>{one}</option>
            ))}
          </select>
        </label>
        <a class="button primary" href="/alerts/rules/new">
          New rule
        </a>
      </header>
      {error && !data && <Failed error={error} retry={reload} />}
      {loading && !data && <Loading began={began} />}
      {data && !data.alerts.length && <Nothing isFiltered={Boolean(states.length || severity.length || rule)} rules={rules.data?.rules.length} />}
      {data && (
        <ul class="alert-list" aria-label="Alerts">
          {data.alerts.map((alert) => (
            <AlertCard key={`${alert.rule_id} ${JSON.stringify(alert.group)}`} alert={alert} rule={known.get(alert.rule_id)} onAcknowledge={() => setAcknowledging(alert)} onSilence={() => setSilencing(alert)} onChanged={reload} />
          ))}
        </ul>
      )}
      {data && data.total > data.alerts.length && (
        <p class="soft">
          {countText(data.alerts.length)} of {countText(data.total)} are shown: choose a severity or a state.
        </p>
      )}
      {data && (
        <p class="hint" role="status">
          {error ? `These are of before: ${error.message}.` : `As of ${timeText(Date.now(), { date: false, millis: false })}; looked at again every ${EVERY_MS / 1_000} s.`}
        </p>
      )}
      {acknowledging && <Acknowledge alert={acknowledging} onClose={() => setAcknowledging(undefined)} onDone={reload} />}
      {silencing && (
        <SilenceDialog
          initial={{ rule: asGlob(silencing.rule), labels: {}, group: globsOf(silencing) }}
          onClose={() => setSilencing(undefined)}
          onDone={reload}
        />
      )}
    </>
  );
}

/** Of fields that have names, and values. */
function globsOf({ group }: Alert): Record<string, string> {
  return Object.fromEntries(Object.entries(group).flatMap(([name, value]) => (value === null || /^\d+$/.test(name) ? [] : [[name, asGlob(value)]])));
}

function Nothing({ isFiltered, rules }: { isFiltered: boolean; rules: number | undefined }) {
  if (isFiltered) return <Empty title="Nothing like this">No alert has these states, this severity and this rule.</Empty>;
  if (rules === 0)
    return (
      <Empty title="No rule watches anything yet">
        A rule says which lines are too many, too slow, or missing. <a href="/alerts/rules/new">Make the first one.</a>
      </Empty>
    );
  return <Empty title="All is calm">Nothing fires, nothing is about to, and nothing did lately.</Empty>;
}
