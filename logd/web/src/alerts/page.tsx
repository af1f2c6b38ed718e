import './style.css';
import './editor.css';
import './timeline.css';

import { useEffect } from 'preact/hooks';

import { Empty } from '../parts/states';
import { Subnav } from '../parts/subnav';
import { place, unescapedPart } from '../state/place';
import { Deliveries } from './deliveries';
import { Editor } from './editor';
import { Firing } from './firing';
import { History } from './history';
import { Rules } from './rules';
import { Silences } from './silences';

const PARTS = [
  { path: '/alerts', title: 'Alerts', Content: Firing },
  { path: '/alerts/rules', title: 'Rules', Content: Rules },
  { path: '/alerts/history', title: 'History', Content: History },
  { path: '/alerts/silences', title: 'Silences', Content: Silences },
  { path: '/alerts/deliveries', title: 'Deliveries', Content: Deliveries },
] as const;

export default function Page() {
  const { path, params } = place.value;
  const rule = /^\/alerts\/rules\/([^/]+)$/.exec(path)?.[1];
  const part = PARTS.find((one) => one.path === path);
  const title = rule === undefined ? part?.title : rule === 'new' ? 'New rule' : 'Rule';
  useEffect(() => {
    document.title = title && title !== 'Alerts' ? `${title} · Alerts · logd` : 'Alerts · logd';
  }, [title]);
  return (
    <div class="document alerts">
      <Subnav label="Alerts" links={PARTS} current={rule === undefined ? part?.path : '/alerts/rules'} />
      {rule !== undefined ? (
        <Editor key={`${path} ${params.get('copy') ?? ''}`} id={rule === 'new' ? undefined : unescapedPart(rule)} />
      ) : part ? (
        <part.Content />
      ) : (
        <Empty title="There is no such page">Nothing lies at {path}.</Empty>
      )}
    </div>
  );
}
