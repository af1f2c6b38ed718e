/** What happened to alerts: when what fired as bars, and everything that was recorded as a list. */

import { useEffect, useMemo, useRef, useState } from 'preact/hooks';

import { api, body, type Schemas } from '../api/client';
import { asApiError, usePolled } from '../api/load';
import { Button } from '../parts/button';
import { Empty, Failed, Loading } from '../parts/states';
import { Table } from '../parts/table';
import { toastError } from '../parts/toast';
import { reconnects } from '../state/connection';
import { go, href, place } from '../state/place';
import { instant, timeText } from '../state/time';
import { GroupChips } from './alert_card';
import type { AlertRule } from './form';
import { rulePath, useRules } from './rules_known';
import { rowsOf } from './timeline';
import { Timeline } from './timeline_view';
import { measureText, visible } from './words';

type Event = Schemas['AlertEvent'];
type Fired = Pick<Event, 'time' | 'rule_id' | 'rule' | 'group' | 'what' | 'value'>;
const EVERY_MS = 30_000;
const RANGES = [
  ['-1h', '1 h'],
  ['-24h', '24 h'],
  ['-7d', '7 d'],
  ['-30d', '30 d'],
] as const;
const PAGE = 1_000;
/** Events of the timeline; of more the latest are shown. */
const MOST_PAGES = 5;
const LISTED = 100;

export function History() {
  const { params } = place.value;
  const rule = params.get('rule') ?? '';
  const range = params.get('range') ?? '-24h';
  const rules = useRules();
  const name = rules.data?.rules.find(({ rule_id }) => rule_id === rule)?.name ?? rule;
  const show = (patch: Record<string, string>) => go(href('/alerts/history', { rule, range: range === '-24h' ? '' : range, ...patch }));
  const severities = new Map((rules.data?.rules ?? []).map(({ rule_id, severity }) => [rule_id, severity ?? 'error']));
  return (
    <>
      <header>
        <h1>History</h1>
        <label class="inline">
          Rule
          <select value={rule} onChange={(event) => show({ rule: event.currentTarget.value })}>
            <option value="">all</option>
            {rule && !severities.has(rule) && <option value={rule}>{visible(name)}</option>}
            {rules.data?.rules.map(({ rule_id, name: text }) => (
              <option key={rule_id} value={rule_id}>
                {visible(text)}
              </option>
            ))}
          </select>
        </label>
        <span class="spring" />
        <div class="toolbar segmented" role="group" aria-label="Range of the timeline">
          {RANGES.map(([value, text]) => (
            <Button key={value} aria-pressed={value === range} onClick={() => show({ range: value })}>
              {text}
            </Button>
          ))}
        </div>
      </header>
      <Bars rule={rule || undefined} range={range} severityOf={(key) => severities.get(key.split(' ')[0]!) ?? 'error'} />
      <EventList key={rule} rule={rule || undefined} rules={rules.data?.rules ?? []} />
    </>
  );
}

/** Of one rule, on its page. */
export function RuleHistory({ rule }: { rule: AlertRule }) {
  return (
    <section class="card" aria-label="History of the rule">
      <header class="toolbar">
        <h2>When it fired, last 7 days</h2>
        <span class="spring" />
        <a href={href('/alerts/history', { rule: rule.rule_id, range: '-7d' })}>History</a>
      </header>
      <Bars rule={rule.rule_id} range="-7d" severityOf={() => rule.severity ?? 'error'} small />
    </section>
  );
}

function Bars({ rule, range, severityOf, small }: { rule: string | undefined; range: string; severityOf: (key: string) => string; small?: boolean }) {
  const { data, error, loading, began, reload } = usePolled((signal) => eventsSince(rule, range, signal), [rule, range, reconnects.value], EVERY_MS);
  const rows = useMemo(() => data && rowsOf(data.events, data.from, data.to, rule !== undefined), [data, rule]);
  if (error && !data) return <Failed error={error} retry={reload} />;
  if (!data || !rows) return loading ? <Loading began={began} /> : null;
  if (!rows.length) return small ? <p class="soft">It hasn’t fired.</p> : <Empty title="Nothing fired">Nothing fired in this time.</Empty>;
  const shown = rows.slice(0, small ? 10 : 40);
  return (
    <div class={small ? undefined : 'card'}>
      <Timeline label="When what fired" rows={shown} from={data.from} to={data.to} severityOf={severityOf} {...(rule === undefined ? { linkOf: rulePath } : {})} />
      {rows.length > shown.length && <p class="hint">{rows.length - shown.length} more fired, longer ago.</p>}
      {data.isCut && <p class="hint">These are the last {PAGE * MOST_PAGES} events: what was before isn’t shown.</p>}
    </div>
  );
}

async function eventsSince(rule: string | undefined, range: string, signal: AbortSignal) {
  const to = Date.now();
  const from = instant(range, to) ?? to - 86_400_000;
  const [{ events, isCut }, { alerts }] = await Promise.all([
    pagesSince(from, rule, signal),
    body(api.GET('/api/v1/alerts', { params: { query: { state: ['firing'], rule, samples: false } }, signal })),
  ]);
  // What has fired since before, and still does, is in none of them.
  const since = alerts
    .filter(({ fired }) => fired && (isCut || Date.parse(fired) < from))
    .map((alert): Fired => ({ time: alert.fired!, rule_id: alert.rule_id, rule: alert.rule, group: alert.group, what: 'firing', value: alert.value }));
  const known = new Set(events.map(({ rule_id, group, time }) => JSON.stringify([rule_id, group, time])));
  const missing = since.filter(({ rule_id, group, time }) => !known.has(JSON.stringify([rule_id, group, time])));
  return { events: [...events, ...missing], from, to, isCut };
}

/** The newest first; `isCut` where there were more than are asked for. */
async function pagesSince(from: number, rule: string | undefined, signal: AbortSignal): Promise<{ events: Event[]; isCut: boolean }> {
  const events: Event[] = [];
  let before: number | undefined;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const found = await body(api.GET('/api/v1/alerts/history', { params: { query: { rule, before, limit: PAGE } }, signal }));
    events.push(...found.events);
    before = found.next_before ?? undefined;
    const last = events.at(-1);
    if (before === undefined || (last !== undefined && Date.parse(last.time) < from)) return { events, isCut: false };
  }
  return { events, isCut: true };
}

function EventList({ rule, rules }: { rule: string | undefined; rules: readonly AlertRule[] }) {
  const { data, error, loading, began, reload } = usePolled((signal) => body(api.GET('/api/v1/alerts/history', { params: { query: { rule, limit: LISTED } }, signal })), [rule, reconnects.value], EVERY_MS);
  // New ones come before the first page, so what was on it may be on no page: all that was seen is kept.
  const seen = useRef(new Map<number, Event>());
  const [next, setNext] = useState<number | null>();
  const [busy, setBusy] = useState(false);
  for (const event of data?.events ?? []) seen.current.set(event.number, event);
  useEffect(() => {
    if (data && next === undefined) setNext(data.next_before);
  }, [data]);
  const more = async () => {
    setBusy(true);
    try {
      const found = await body(api.GET('/api/v1/alerts/history', { params: { query: { rule, before: next ?? undefined, limit: LISTED } } }));
      for (const event of found.events) seen.current.set(event.number, event);
      setNext(found.next_before);
    } catch (wrong) {
      toastError(asApiError(wrong));
    }
    setBusy(false);
  };
  if (error && !data) return <Failed error={error} retry={reload} />;
  if (!data) return loading ? <Loading began={began} /> : null;
  const events = [...seen.current.values()].sort((one, other) => other.number - one.number);
  const kinds = new Map(rules.map(({ rule_id, condition }) => [rule_id, condition.aggregation]));
  return (
    <>
      <Table
        label="Events"
        rows={events}
        rowKey={({ number }) => number}
        columns={[
          { title: 'Time', cell: ({ time }) => <time class="nowrap">{timeText(time, { millis: false })}</time> },
          { title: 'What', cell: ({ what }) => <span class={`pill ${what}`}>{what.replaceAll('_', ' ')}</span> },
          {
            title: 'Alert',
            cell: ({ rule_id, rule: text, group }) => (
              <span class="alert-name">
                <a href={rulePath(rule_id)}>{visible(text)}</a> <GroupChips group={group} />
              </span>
            ),
          },
          { title: 'Value', number: true, cell: ({ rule_id, value }) => measureText(value, kinds.get(rule_id)) },
          { title: 'Why', cell: ({ why, by }) => [why && visible(why), by && `by ${visible(by)}`].filter(Boolean).join(' · ') },
        ]}
      />
      {!events.length && <p class="soft">Nothing has happened yet.</p>}
      {next !== null && next !== undefined && (
        <Button disabled={busy} onClick={more}>
          Show older ones
        </Button>
      )}
    </>
  );
}
