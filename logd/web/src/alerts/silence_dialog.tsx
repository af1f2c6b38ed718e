/** Makes a silence, and shows whom it would silence now. */

import { useMemo, useState } from 'preact/hooks';

import { api, body, type ApiError, type Schemas } from '../api/client';
import { asApiError, useLoad } from '../api/load';
import { Button } from '../parts/button';
import { Dialog } from '../parts/dialog';
import { toast } from '../parts/toast';
import { inZone, iso, timeText, zoneName } from '../state/time';
import { GroupChips } from './alert_card';
import { PairsField, TextField } from './fields';
import type { Pair } from './form';
import { ProblemsContext, problemsOf } from './problems';
import { globsFrom, silences, type Globs } from './silencing';
import { visible } from './words';

const DURATIONS = ['30m', '1h', '4h', '12h', '1d', '7d'];
const SHOWN = 8;

interface SilenceDialogProps {
  initial?: Globs;
  onClose: () => void;
  onDone: () => void;
}

export function SilenceDialog({ initial, onClose, onDone }: SilenceDialogProps) {
  const [rule, setRule] = useState(initial?.rule ?? '');
  const [labels, setLabels] = useState(() => pairsOf(initial?.labels));
  const [group, setGroup] = useState(() => pairsOf(initial?.group));
  const [from, setFrom] = useState('');
  const [duration, setDuration] = useState('1h');
  const [until, setUntil] = useState('');
  const [why, setWhy] = useState('');
  const [refused, setRefused] = useState<ApiError>();
  const [busy, setBusy] = useState(false);
  const rules = useLoad((signal) => body(api.GET('/api/v1/alerts/rules', { signal })), []);
  const alerts = useLoad((signal) => body(api.GET('/api/v1/alerts', { params: { query: { state: ['firing', 'pending'], samples: false, limit: 10_000 } }, signal })), []);
  const globs: Globs = { rule, labels: globsFrom(labels), group: globsFrom(group) };
  const says = Boolean(rule || Object.keys(globs.labels).length || Object.keys(globs.group).length);
  const found = says ? (alerts.data?.alerts ?? []).filter((alert) => silences(globs, alert)) : [];
  const fields = useMemo(() => [...new Set((rules.data?.rules ?? []).flatMap(({ group_by = [] }) => group_by))], [rules.data]);
  const names = useMemo(() => ['severity', ...new Set((rules.data?.rules ?? []).flatMap(({ labels: own = {} }) => Object.keys(own)))], [rules.data]);

  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setRefused(undefined);
    try {
      const sent: Record<string, unknown> = { why };
      if (rule) sent.rule = rule;
      if (Object.keys(globs.labels).length) sent.labels = globs.labels;
      if (Object.keys(globs.group).length) sent.group = globs.group;
      if (from) sent.from = meant(from);
      if (duration) sent.duration = duration;
      else sent.to = meant(until);
      const made = await body(api.POST('/api/v1/alerts/silences', { body: sent as Schemas['SilenceToMake'] }));
      toast(`Silent until ${timeText(made.to, { millis: false })}.`);
      onDone();
      onClose();
    } catch (error) {
      setRefused(asApiError(error));
      setBusy(false);
    }
  };

  return (
    <Dialog title="Silence alerts" wide asks onClose={onClose}>
      <ProblemsContext.Provider value={problemsOf(refused)}>
        <form class="silence-form" onSubmit={submit}>
          <div class="stack">
            <p class="soft">All of it has to match; * and ? stand for anything. Nobody is told meanwhile; what still fires at the end is told then.</p>
            <TextField label="Rule (a name, with * for anything)" path="rule" value={rule} onChange={setRule} options={(rules.data?.rules ?? []).map(({ name }) => name)} placeholder="any" />
            <PairsField label="Group" what="field" path="group" pairs={group} onChange={setGroup} names={fields} />
            <PairsField label="Labels" what="label" path="labels" pairs={labels} onChange={setLabels} names={names} />
            <div class="field" role="group" aria-label="How long">
              <span class="field-label">For</span>
              <div class="toolbar segmented">
                {DURATIONS.map((one) => (
                  <Button key={one} aria-pressed={duration === one} onClick={() => setDuration(one)}>
                    {one}
                  </Button>
                ))}
                <Button aria-pressed={!duration} onClick={() => setDuration('')}>
                  until …
                </Button>
              </div>
            </div>
            <div class="fields">
              {!duration && <TextField label={`Until (${zoneName()})`} path="to" value={until} onChange={setUntil} placeholder="2026-11-28 18:00" class="span-2" />}
              <TextField label={`From (${zoneName()})`} path="from" value={from} onChange={setFrom} placeholder="now" class="span-2" />
            </div>
            <TextField label="Why" path="why" value={why} onChange={setWhy} placeholder="deploy of 14:00" />
          </div>
          <section class="silence-preview" aria-label="What it would silence now">
            <h3>{says ? `${found.length} ${found.length === 1 ? 'alert is' : 'alerts are'} silenced by it now` : 'Say what is silent'}</h3>
            <ul>
              {found.slice(0, SHOWN).map((alert) => (
                <li key={`${alert.rule_id} ${JSON.stringify(alert.group)}`}>
                  <span class={`pill ${alert.state}`}>{alert.state}</span> {visible(alert.rule)} <GroupChips group={alert.group} />
                </li>
              ))}
            </ul>
            {found.length > SHOWN && <p class="hint">and {found.length - SHOWN} more</p>}
          </section>
          {refused && (
            <p class="wrong" role="alert">
              {visible(refused.message)}
            </p>
          )}
          <div class="form-end">
            <Button onClick={onClose}>Cancel</Button>
            <Button type="submit" kind="primary" icon="moon" disabled={busy || !says}>
              Silence
            </Button>
          </div>
        </form>
      </ProblemsContext.Provider>
    </Dialog>
  );
}

/** A time in the chosen zone as the API has it; anything else as it is. */
function meant(text: string): string {
  const at = inZone(text);
  return at === undefined ? text.trim() : iso(at);
}

function pairsOf(globs: Record<string, string> = {}): readonly Pair[] {
  return Object.entries(globs).map(([name, value]) => ({ name, value }));
}
