/** An alert: what fires since when, by which value, who knows, and the lines that it is about. */

import { useState } from 'preact/hooks';

import { api, body, type Schemas } from '../api/client';
import { Button } from '../parts/button';
import { Dialog } from '../parts/dialog';
import { Icon } from '../parts/icon';
import { toast, toastError } from '../parts/toast';
import { durationText, timeText } from '../state/time';
import type { AlertRule } from './form';
import { rulePath } from './rules_known';
import { SampleLines } from './sample_lines';
import { evidenceLink } from './searching';
import { groupText, limitText, measureText, visible } from './words';

type Alert = Schemas['Alert'];

interface AlertCardProps {
  alert: Alert;
  /** As it is now; it may be gone, or another one by now. */
  rule: AlertRule | undefined;
  onAcknowledge: () => void;
  onSilence: () => void;
  onChanged: () => void;
}

export function AlertCard({ alert, rule, onAcknowledge, onSilence, onChanged }: AlertCardProps) {
  const { acknowledged, severity, state } = alert;
  const takeBack = async () => {
    try {
      await body(api.DELETE('/api/v1/alerts/acknowledge', { params: { query: { rule: alert.rule_id, group: JSON.stringify(alert.group) } } }));
      toast('The acknowledgement is taken back.');
      onChanged();
    } catch (error) {
      toastError(error);
    }
  };
  return (
    <li class={`alert ${severity} ${state}`}>
      <div class="alert-head">
        <span class={`pill ${state}`}>{state}</span>
        <span class={`severity ${severity}`}>{severity}</span>
        <a class="alert-rule" href={rulePath(alert.rule_id)}>
          {visible(alert.rule)}
        </a>
        <GroupChips group={alert.group} />
      </div>
      <div class="alert-value" title="The value of the window that ended last, against the threshold">
        <b>{measureText(alert.value, rule?.condition.aggregation)}</b> {rule && <span class="soft">{limitText(rule.condition)}</span>}
      </div>
      <div class="alert-facts">
        <Since alert={alert} />
        <Told alert={alert} />
        {acknowledged && (
          <span class="fact good" title={timeText(acknowledged.time)}>
            <Icon name="check" /> Acknowledged{acknowledged.by ? ` by ${visible(acknowledged.by)}` : ''}
            {acknowledged.why && `: ${visible(acknowledged.why)}`}
          </span>
        )}
        {alert.silenced ? (
          <span class="fact">
            <Icon name="moon" /> Silenced until {timeText(alert.silenced.to, { millis: false })}
            {alert.silenced.why && `: ${visible(alert.silenced.why)}`}
          </span>
        ) : (
          alert.held && (
            <span class="fact">
              <Icon name="pause" /> Nobody is told: {alert.held}
            </span>
          )
        )}
        {rule?.runbook && /^https?:/.test(rule.runbook) && (
          <a href={rule.runbook} target="_blank" rel="noreferrer">
            Runbook
          </a>
        )}
      </div>
      <div class="alert-actions">
        {rule && (
          <a class="button plain" href={evidence(alert, rule)}>
            <Icon name="search" /> Explore
          </a>
        )}
        {state === 'firing' &&
          (acknowledged ? (
            <Button kind="plain" icon="close" onClick={takeBack}>
              Take back
            </Button>
          ) : (
            <Button kind="plain" icon="check" onClick={onAcknowledge}>
              Acknowledge
            </Button>
          ))}
        {state !== 'resolved' && !alert.silenced && (
          <Button kind="plain" icon="moon" onClick={onSilence}>
            Silence
          </Button>
        )}
      </div>
      <SampleLines samples={alert.samples} />
    </li>
  );
}

/** Of what fires the last window; of what is over all of them. */
function evidence({ group, at, fired, ended }: Alert, rule: AlertRule): string {
  return ended && fired ? evidenceLink(rule, group, Date.parse(fired), Date.parse(ended)) : evidenceLink(rule, group, Date.parse(at));
}

export function GroupChips({ group }: { group: Alert['group'] }) {
  return (
    <>
      {Object.entries(group).map(([name, value]) => (
        <span key={name} class="chip">
          <span class="soft">{visible(name)}</span> {value === null ? <i>none</i> : visible(value)}
        </span>
      ))}
    </>
  );
}

function Since({ alert: { state, since, fired, ended } }: { alert: Alert }) {
  const start = state === 'pending' ? since : (fired ?? since);
  const word = state === 'resolved' ? 'Fired' : state === 'pending' ? 'True' : 'Fires';
  const length = durationText((ended ? Date.parse(ended) : Date.now()) - Date.parse(start));
  return (
    <span class="fact" title={ended ? `${timeText(start)} – ${timeText(ended)}` : timeText(start)}>
      <Icon name="clock" /> {word} for {length}, since {timeText(start, { millis: false })}
      {ended && `, until ${timeText(ended, { date: false, millis: false })}`}
    </span>
  );
}

function Told({ alert: { told, told_at } }: { alert: Alert }) {
  return (
    <span class="fact" title={told_at ? timeText(told_at) : undefined}>
      <Icon name="bell" /> {told === 0 ? (told_at ? 'Not told anew' : 'Nobody was told') : told === 1 ? 'Told once' : `Told ${told} times`}
      {told_at && `, last at ${timeText(told_at, { date: false, millis: false })}`}
    </span>
  );
}

export function Acknowledge({ alert, onClose, onDone }: { alert: Alert; onClose: () => void; onDone: () => void }) {
  const [why, setWhy] = useState('');
  const [busy, setBusy] = useState(false);
  const group = groupText(alert.group);
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    try {
      await body(api.POST('/api/v1/alerts/acknowledge', { body: { rule: alert.rule_id, group: alert.group, why } }));
      toast('Acknowledged: nobody is told again of this firing.');
      onDone();
      onClose();
    } catch (error) {
      toastError(error);
      setBusy(false);
    }
  };
  return (
    <Dialog title="Acknowledge" onClose={onClose}>
      <form class="stack" onSubmit={submit}>
        <p>
          You care for <b>{visible(alert.rule)}</b> {group && <code>{group}</code>}. Nobody is told again of this firing; its end is told.
        </p>
        <label>
          Why, or what you do about it
          <input value={why} maxLength={1_000} autofocus onInput={(event) => setWhy(event.currentTarget.value)} />
        </label>
        <div class="form-end">
          <Button onClick={onClose}>Not now</Button>
          <Button type="submit" kind="primary" icon="check" disabled={busy}>
            Acknowledge
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
