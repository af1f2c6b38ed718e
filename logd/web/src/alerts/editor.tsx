/** A rule's page: what it says, changed by who may, and tried on what is stored while one changes it. */

import { useEffect, useMemo } from 'preact/hooks';

import { api, body } from '../api/client';
import { useLoad } from '../api/load';
import { Failed, Loading } from '../parts/states';
import { reconnects } from '../state/connection';
import { emptyRule, formOf } from './form';
import { RuleEditor } from './rule_editor';

/** Of a new rule without `id`. */
export function Editor({ id }: { id: string | undefined }) {
  const made = useMemo(() => (id === undefined ? emptyRule() : undefined), [id]);
  const { data, error, loading, began, reload } = useLoad(
    id === undefined ? undefined : (signal) => body(api.GET('/api/v1/alerts/rules/{id}', { params: { path: { id } }, signal })),
    [id],
  );
  // After a sign-in, say. What is being changed stays as it is.
  useEffect(() => {
    if (error) reload();
  }, [reconnects.value]);
  if (made) return <RuleEditor initial={made} rule={undefined} reload={reload} />;
  if (error && !data) return <Failed error={error} retry={reload} />;
  if (!data) return loading ? <Loading began={began} /> : null;
  return <RuleEditor key={`${data.rule_id} ${data.version ?? ''}`} initial={formOf(data)} rule={data} reload={reload} />;
}
