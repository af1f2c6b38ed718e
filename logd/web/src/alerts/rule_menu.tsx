/** What can be done with a rule, beside changing it. */

import { useState } from 'preact/hooks';

import { api, body } from '../api/client';
import { Button } from '../parts/button';
import { Dialog } from '../parts/dialog';
import { toast, toastError } from '../parts/toast';
import { dropDraft } from '../state/drafts';
import { go } from '../state/place';
import { duplicate, exported } from './copied';
import type { AlertRule, RuleForm } from './form';
import { rulePath } from './rules_known';
import { visible } from './words';

interface RuleMenuProps {
  rule: AlertRule;
  /** As it is shown. */
  form: RuleForm;
  /** Something isn't saved, which a switched rule would take the place of. */
  isDirty: boolean;
  onChanged: () => void;
}

export function RuleMenu({ rule, form, isDirty, onChanged }: RuleMenuProps) {
  const [removing, setRemoving] = useState(false);
  return (
    <div class="toolbar" role="group" aria-label="What to do with the rule">
      {!rule.read_only && <Switch rule={rule} disabled={isDirty} onChanged={onChanged} />}
      <Button icon="copy" onClick={() => duplicate(form)}>
        Duplicate
      </Button>
      <Button icon="download" onClick={() => exported(rule)}>
        Export
      </Button>
      {!rule.read_only && (
        <Button icon="trash" onClick={() => setRemoving(true)}>
          Delete
        </Button>
      )}
      {removing && <Remove rule={rule} onClose={() => setRemoving(false)} />}
    </div>
  );
}

export function Switch({ rule, disabled = false, onChanged }: { rule: AlertRule; disabled?: boolean; onChanged: () => void }) {
  const [busy, setBusy] = useState(false);
  const change = async () => {
    setBusy(true);
    try {
      const params = { path: { id: rule.rule_id } };
      await body(rule.enabled ? api.POST('/api/v1/alerts/rules/{id}/disable', { params }) : api.POST('/api/v1/alerts/rules/{id}/enable', { params }));
      toast(rule.enabled ? `${visible(rule.name)} rests.` : `${visible(rule.name)} watches.`);
      onChanged();
    } catch (error) {
      toastError(error);
    }
    setBusy(false);
  };
  return (
    <Button icon={rule.enabled ? 'pause' : 'play'} disabled={busy || disabled} onClick={change}>
      {rule.enabled ? 'Disable' : 'Enable'}
    </Button>
  );
}

function Remove({ rule, onClose }: { rule: AlertRule; onClose: () => void }) {
  const remove = async () => {
    try {
      await body(api.DELETE('/api/v1/alerts/rules/{id}', { params: { path: { id: rule.rule_id }, query: { version: rule.version } } }));
      dropDraft(rulePath(rule.rule_id));
      toast(`${visible(rule.name)} is deleted.`);
      go('/alerts/rules');
    } catch (error) {
      toastError(error);
      onClose();
    }
  };
  return (
    <Dialog
      title="Delete the rule"
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Keep it</Button>
          <Button kind="danger" icon="trash" onClick={remove}>
            Delete
          </Button>
        </>
      }
    >
      <p>
        <b>{visible(rule.name)}</b> watches no more, and its alerts end. Its history stays.
      </p>
    </Dialog>
  );
}
