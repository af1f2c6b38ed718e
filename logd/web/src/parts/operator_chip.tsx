/** That terms side by side mean something else here than the server says. */

import './operator_chip.css';

import { api, body } from '../api/client';
import { useLoad } from '../api/load';
import { reconnects } from '../state/connection';
import { Icon } from './icon';

type Operator = 'or' | 'and';

/** `operator` is empty for what the server says. Nothing is shown when it comes to the same. */
export function OperatorChip({ operator, onReset }: { operator: '' | Operator; onReset: () => void }) {
  const { data, loading } = useLoad(operator ? serversOwn : undefined, [operator !== '', reconnects.value]);
  if (!operator || data === operator || (loading && !data)) return null;
  const back = data ? `back to ${data.toUpperCase()}` : 'back to what the server says';
  const meaning = operator.toUpperCase();
  return (
    <button type="button" class="operator-chip" aria-label={`words side by side: ${meaning}, ${back}`} title={`“a b” means a ${meaning} b: ${back}`} onClick={onReset}>
      <span class="soft">words side by side:</span> {meaning}
      <Icon name="close" />
    </button>
  );
}

/** Of a search in no time at all, which takes the least. */
async function serversOwn(signal: AbortSignal): Promise<Operator> {
  const at = new Date().toISOString();
  return (await body(api.GET('/api/v1/logs/explain', { params: { query: { from: at, to: at } }, signal }))).default_operator;
}
