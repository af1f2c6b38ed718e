/** When the rule that is being written would have fired: on what is stored, as soon as one stops typing. */

import { useMemo, useState } from 'preact/hooks';

import { api, body, type ApiError, type Schemas } from '../api/client';
import { useLoad } from '../api/load';
import { Button } from '../parts/button';
import { Icon } from '../parts/icon';
import { Failed, Loading, Warnings } from '../parts/states';
import { isDark } from '../state/settings';
import { reconnects } from '../state/connection';
import { countText } from '../state/numbers';
import { useSettled } from '../state/settled';
import { durationText, timeText } from '../state/time';
import { BacktestChart } from './backtest_chart';
import { Firings } from './firings';
import type { Condition } from './condition';
import { isComplete, missingText, watched, type RuleForm } from './form';
import { useProblemEffect } from './problem_effect';

export type Backtest = Schemas['Backtest'];

const RANGES = [
  ['-1h', '1 h'],
  ['-24h', '24 h'],
  ['-7d', '7 d'],
] as const;
const PAUSE_MS = 600;

interface PreviewProps {
  form: RuleForm;
  /** What is wrong with the rule; undefined once nothing is. */
  onProblem: (error: ApiError | undefined) => void;
  /** Somebody has dragged the threshold. */
  onThreshold: (threshold: string) => void;
}

export function Preview({ form, onProblem, onThreshold }: PreviewProps) {
  const [from, setFrom] = useState<string>('-24h');
  // The same text means the same firings, whatever else is typed; an empty one says too little to be tried.
  const text = isComplete(form.condition) ? JSON.stringify(watched(form)) : '';
  const settled = useSettled(text, PAUSE_MS);
  const complete = text !== '' && settled !== '';
  const ask = complete
    ? (signal: AbortSignal) => body(api.POST('/api/v1/alerts/rules/test', { body: { rule: JSON.parse(settled) as Schemas['RuleInTest'], from }, signal }))
    : undefined;
  const { data, error, loading, began, reload, cancel } = useLoad(ask, [settled, complete, from, reconnects.value]);
  useProblemEffect(error, complete, onProblem);
  const condition = useMemo(() => (settled ? (JSON.parse(settled) as { condition: Condition }).condition : {}), [settled]);
  const isOld = text !== settled || loading;
  return (
    <section class="card preview" aria-label="Backtest">
      <header class="toolbar">
        <h2>When it would have fired</h2>
        <span class="spring" />
        <div class="toolbar segmented" role="group" aria-label="Range of the backtest">
          {RANGES.map(([value, name]) => (
            <Button key={value} aria-pressed={value === from} onClick={() => setFrom(value)}>
              {name}
            </Button>
          ))}
        </div>
      </header>
      {!text && <p class="soft preview-empty">With {missingText(form.condition)}, the stored lines tell how often it would have fired.</p>}
      {complete && loading && <Loading began={began} cancel={cancel} what="Replaying the stored lines" />}
      {complete && error && !loading && error.status !== 400 && <Failed error={error} retry={reload} />}
      {complete && error?.status === 400 && !loading && (
        <p class="wrong" role="status">
          It can’t be tried yet: see what is marked.
        </p>
      )}
      {complete && !loading && !data && !error && (
        <p class="soft preview-empty">
          Cancelled.{' '}
          <Button icon="reload" onClick={reload}>
            Try it
          </Button>
        </p>
      )}
      {complete && data && !error && (
        <div class={isOld ? 'is-old' : undefined}>
          <Verdict tested={data} />
          <Warnings of={{ ...(data.partial ? { partial: true as const } : {}), warnings: data.warnings }} />
          <BacktestChart key={String(isDark.value)} tested={data} condition={condition} onThreshold={onThreshold} />
          <Firings tested={data} condition={condition} />
        </div>
      )}
    </section>
  );
}

function Verdict({ tested }: { tested: Backtest }) {
  const { fired, firings, lines, from, to, upto, stopped, took_ms } = tested;
  const groups = new Set(firings.map(({ group }) => JSON.stringify(group))).size;
  const length = durationText(Date.parse(to) - Date.parse(from));
  return (
    <p class="verdict" role="status">
      <Icon name={fired ? 'bell' : 'check'} />
      <strong>{fired === 0 ? `Would not have fired in ${length}` : `Would have fired ${fired === 1 ? 'once' : `${countText(fired)} times`} in ${length}`}</strong>
      <span class="soft">
        {groups > 1 && `${countText(groups)} groups · `}
        {countText(lines)} lines in {durationText(took_ms)}
      </span>
      {stopped && (
        <span class="fact bad">
          <Icon name="warning" /> Stopped: only up to {timeText(upto, { millis: false })} was looked at
        </span>
      )}
    </p>
  );
}
