/** A test notification, and what came of it at each target. */

import { useState } from 'preact/hooks';

import { api, body, type ApiError, type Schemas } from '../api/client';
import { asApiError } from '../api/load';
import { Button } from '../parts/button';
import { Dialog } from '../parts/dialog';
import { Loading } from '../parts/states';
import { Table } from '../parts/table';
import { durationText } from '../state/time';
import type { RuleBody } from './form';
import { visible } from './words';

interface NotifyProps {
  /** Of one that is kept, whose hidden secrets it has. */
  id: string | undefined;
  /** As it is in the form; undefined for the one that is kept, as it is. */
  rule: (() => RuleBody) | undefined;
  onProblem?: (error: ApiError) => void;
}

type State = { began: number } | { told: Schemas['TestNotification'] } | { error: ApiError };

/** A button, and the answer above everything. */
export function Notify({ id, rule, onProblem }: NotifyProps) {
  const [state, setState] = useState<State>();
  const send = async () => {
    setState({ began: performance.now() });
    try {
      const sent = rule?.();
      const told = sent
        ? await body(api.POST('/api/v1/alerts/rules/notify', { body: { ...sent, ...(id ? { rule_id: id } : {}) } as Schemas['ChangedRule'] }))
        : await body(api.POST('/api/v1/alerts/rules/{id}/notify', { params: { path: { id: id! } } }));
      setState({ told });
    } catch (error) {
      const wrong = asApiError(error);
      onProblem?.(wrong);
      setState({ error: wrong });
    }
  };
  return (
    <>
      <Button icon="bell" onClick={send}>
        Send a test
      </Button>
      {state && (
        <Dialog title="Test notification" wide onClose={() => setState(undefined)}>
          {'began' in state && <Loading began={state.began} what="Sending" />}
          {'error' in state && (
            <p class="wrong" role="alert">
              {visible(state.error.message)}
            </p>
          )}
          {'told' in state && <Results told={state.told} />}
        </Dialog>
      )}
    </>
  );
}

function Results({ told }: { told: Schemas['TestNotification'] }) {
  if (!told.deliveries.length) return <p>The rule tells nobody: add a target.</p>;
  return (
    <Table
      label="What came of it"
      rows={told.deliveries.map((delivery, number) => ({ ...delivery, number }))}
      rowKey={({ number }) => number}
      columns={[
        { title: 'Target', cell: ({ target }) => <code>{visible(target)}</code> },
        { title: 'Result', cell: ({ status }) => <span class={`pill ${status}`}>{status}</span> },
        { title: 'Answer', cell: ({ http_status, smtp_status, error }) => [http_status ?? smtp_status, error && visible(error)].filter(Boolean).join(' · ') || '–' },
        { title: 'Took', number: true, cell: ({ took_ms }) => durationText(took_ms) },
      ]}
    />
  );
}
