/** Fields, services and hosts of the last hours: offered while one types. What isn't there can be typed nevertheless. */

import { api, body } from '../api/client';
import { useLoad } from '../api/load';

const RANGE = '-24h';

export interface Known {
  /** To group by. */
  fields: readonly string[];
  /** Those with numbers. */
  numbers: readonly string[];
  services: readonly string[];
  hosts: readonly string[];
}

export function useKnown(): Known {
  const { data } = useLoad(
    async (signal) => {
      const of = (name: string) => body(api.GET('/api/v1/logs/fields/{name}/values', { params: { path: { name }, query: { from: RANGE, top: 100 } }, signal }));
      const [fields, services, hosts] = await Promise.all([body(api.GET('/api/v1/logs/fields', { params: { query: { from: RANGE } }, signal })), of('service'), of('host')]);
      const texts = (values: readonly { value: unknown }[]) => values.flatMap(({ value }) => (value === null ? [] : [String(value)]));
      return {
        fields: fields.fields.filter(({ name }) => !['message', 'timestamp', 'ingested_at', 'log_id', 'tags'].includes(name)).map(({ name }) => name),
        numbers: fields.fields.filter(({ name, types }) => name.startsWith('metadata.') && types.includes('number')).map(({ name }) => name),
        services: texts(services.values),
        hosts: texts(hosts.values),
      };
    },
    [],
  );
  return data ?? { fields: ['service', 'host', 'level'], numbers: [], services: [], hosts: [] };
}
