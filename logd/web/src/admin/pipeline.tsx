/** The path of the data as a picture: what each queue holds, and which one holds up the others. */

import { useEffect, useRef, useState } from 'preact/hooks';

import { api, body, type Schemas } from '../api/client';
import { usePolled } from '../api/load';
import { Icon } from '../parts/icon';
import { Failed, Loading } from '../parts/states';
import { reconnects } from '../state/connection';
import { bytesText, countText, shareText } from '../state/numbers';
import { agoText } from '../state/time';
import { History } from './history';
import { fill, health, pathOf, type Lane, type Path, type Stage, type Topic } from './stages';

const PAUSE_MS = 2_000;

export function Pipeline() {
  const status = usePolled((signal) => body(api.GET('/api/v1/status', { signal })), [reconnects.value], PAUSE_MS);
  const before = useRef<{ at: number; status: Schemas['Status'] }>(undefined);
  const [path, setPath] = useState<Path>();

  useEffect(() => {
    if (!status.data) return;
    const at = performance.now();
    setPath(pathOf(status.data, before.current?.status, before.current ? (at - before.current.at) / 1_000 : 0));
    before.current = { at, status: status.data };
  }, [status.data]);

  if (!path || !status.data) return status.error ? <Failed error={status.error} retry={status.reload} /> : <Loading began={status.began} />;
  return (
    <>
      <p class="soft">
        This process is logd {status.data.version} with the {status.data.roles.length === 1 ? 'role' : 'roles'} {status.data.roles.join(', ')}. A bar
        shows how full a queue is; it turns red when it holds up those who feed it.
      </p>
      <div class="path" role="group" aria-label="The path of the data" tabIndex={0}>
        <section class="path-column" aria-label="Taking in">
          <h2>Taking in</h2>
          {path.takenIn.length ? path.takenIn.map((stage) => <StageBar key={stage.name} stage={stage} />) : <p class="soft">Other processes do this.</p>}
        </section>
        <Arrow />
        <section class="path-column" aria-label="Queue">
          <h2>Queue</h2>
          {path.topics.map((topic) => (
            <TopicBox key={topic.name} topic={topic} />
          ))}
        </section>
        <Arrow />
        <section class="path-column wide" aria-label="Reading the queue">
          <h2>Reading the queue</h2>
          {path.lanes.map((lane) => (
            <LaneBox key={lane.name} lane={lane} />
          ))}
        </section>
      </div>
      <Parts status={status.data} />
      <History />
    </>
  );
}

const Arrow = () => (
  <div class="path-arrow" aria-hidden="true">
    <Icon name="right" />
  </div>
);

function StageBar({ stage }: { stage: Stage }) {
  const amount = stage.unit === 'bytes' ? bytesText : countText;
  const unit = stage.unit === 'bytes' ? '' : ` ${stage.unit}`;
  const state = health(stage);
  return (
    <div class={`stage ${state}`}>
      <div class="stage-name">
        <span title={stage.name}>{stage.name}</span>
        <span class="soft">{shareText(fill(stage))}</span>
      </div>
      <meter min={0} max={1} value={fill(stage)} aria-label={`${stage.name}: how full`} />
      <div class="stage-figures soft">
        <span>
          {amount(stage.held)} of {amount(stage.capacity)}
          {unit}
        </span>
        {stage.blocked > 0 && <span class="stage-blocked">blocked {shareText(stage.blocked)} of the time</span>}
      </div>
    </div>
  );
}

function TopicBox({ topic }: { topic: Topic }) {
  return (
    <div class="stage">
      <div class="stage-name">
        <span>{topic.name}</span>
      </div>
      <dl class="figures">
        {topic.messages !== null && (
          <div>
            <dt>messages</dt>
            <dd>{countText(topic.messages)}</dd>
          </div>
        )}
        {topic.bytes !== null && (
          <div>
            <dt>size</dt>
            <dd>{bytesText(topic.bytes)}</dd>
          </div>
        )}
        {topic.oldest !== null && (
          <div>
            <dt>oldest</dt>
            <dd>{agoText(topic.oldest)}</dd>
          </div>
        )}
        {topic.groups.map(({ name, lag }) => (
          <div key={name}>
            <dt>{name} has to finish</dt>
            <dd>{countText(lag)}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}

function LaneBox({ lane }: { lane: Lane }) {
  return (
    <div class="lane">
      <div class="lane-name">
        <h3>{lane.name}</h3>
        <span class={lane.lag ? 'lag' : 'soft'}>{lane.lag === null ? '' : lane.lag ? `${countText(lane.lag)} messages behind` : 'up to date'}</span>
      </div>
      <div class="lane-stages">
        {lane.stages.map((stage) => (
          <StageBar key={stage.name} stage={stage} />
        ))}
        {lane.stages.length > 0 && <Arrow />}
        <div class="lane-into">{lane.into}</div>
      </div>
    </div>
  );
}

/** What else the process says of itself, as it says it. */
function Parts({ status }: { status: Schemas['Status'] }) {
  const parts = Object.entries(status).filter(([name, figures]) => typeof figures === 'object' && figures !== null && !Array.isArray(figures) && name !== 'stages');
  return (
    <details class="card">
      <summary>All figures</summary>
      <div class="parts">
        {parts.map(([name, figures]) => (
          <section key={name}>
            <h3>{name}</h3>
            <pre class="log">{JSON.stringify(figures, null, 2)}</pre>
          </section>
        ))}
      </div>
    </details>
  );
}
