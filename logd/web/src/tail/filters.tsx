/** Levels and services that are shown, as chips. */

import { useState } from 'preact/hooks';

import { Icon } from '../parts/icon';
import { LEVELS } from '../parts/levels';
import { OperatorChip } from '../parts/operator_chip';
import { Popover } from '../parts/popover';
import { Button } from '../parts/button';
import { asked, change } from './state';

export function Filters() {
  const { operator, level, service, host } = asked.value;
  const toggle = (name: string) => change({ level: level.includes(name) ? level.filter((one) => one !== name) : [...level, name] });
  return (
    <div class="tail-filters">
      <div class="tail-chips" role="group" aria-label="Levels">
        {LEVELS.map((name) => (
          <button key={name} type="button" class={`tail-chip ${name.toLowerCase()} ${level.length && !level.includes(name) ? 'out' : ''}`} aria-pressed={level.includes(name)} onClick={() => toggle(name)}>
            <i aria-hidden="true" />
            {name}
          </button>
        ))}
      </div>
      {service.map((name) => (
        <Chosen key={name} field="service" value={name} onRemove={() => change({ service: service.filter((one) => one !== name) })} />
      ))}
      {host.map((name) => (
        <Chosen key={name} field="host" value={name} onRemove={() => change({ host: host.filter((one) => one !== name) })} />
      ))}
      <OperatorChip operator={operator} onReset={() => change({ operator: '' })} />
      <Popover button={<><Icon name="plus" /> Service</>} label="Add a service" class="plain">
        {(close) => (
          <AddService
            onAdd={(name) => {
              close();
              if (!service.includes(name)) change({ service: [...service, name] });
            }}
          />
        )}
      </Popover>
    </div>
  );
}

function AddService({ onAdd }: { onAdd: (name: string) => void }) {
  const [name, setName] = useState('');
  return (
    <form
      class="stack"
      onSubmit={(event) => {
        event.preventDefault();
        if (name.trim()) onAdd(name.trim());
      }}
    >
      <label>
        Service
        <input value={name} onInput={(event) => setName(event.currentTarget.value)} ref={(element) => element?.focus()} />
      </label>
      <Button kind="primary" type="submit">
        Only this service
      </Button>
    </form>
  );
}

function Chosen({ field, value, onRemove }: { field: string; value: string; onRemove: () => void }) {
  return (
    <button type="button" class="tail-chip chosen" title={`Not only ${field} ${value}`} onClick={onRemove}>
      {field}: {value}
      <Icon name="close" />
    </button>
  );
}
