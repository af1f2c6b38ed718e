/** What those who run logd look at: where lines are, who sends them, how long they stay, what couldn't be stored, who may. */

import './style.css';

import type { ComponentType } from 'preact';
import { useEffect } from 'preact/hooks';

import { Empty } from '../parts/states';
import { Subnav } from '../parts/subnav';
import { go, place } from '../state/place';
import { Agents } from './agents';
import { DeadLetters } from './deadletters';
import { Holds } from './holds';
import { Pipeline } from './pipeline';
import { Retention } from './retention';
import { Tokens } from './tokens';
import { Usage } from './usage';

const SECTIONS: readonly { path: string; title: string; content: ComponentType }[] = [
  { path: '/admin/pipeline', title: 'Pipeline', content: Pipeline },
  { path: '/admin/agents', title: 'Agents', content: Agents },
  { path: '/admin/retention', title: 'Retention', content: Retention },
  { path: '/admin/holds', title: 'Legal holds', content: Holds },
  { path: '/admin/usage', title: 'Usage', content: Usage },
  { path: '/admin/deadletters', title: 'Dead letters', content: DeadLetters },
  { path: '/admin/tokens', title: 'Tokens', content: Tokens },
];

export default function Admin() {
  const { path } = place.value;
  useEffect(() => {
    if (path === '/admin' || path === '/admin/') go(SECTIONS[0]!.path, { replace: true });
  }, [path]);
  const section = SECTIONS.find((one) => one.path === path);
  return (
    <div class="document admin">
      <Subnav label="Administration" links={SECTIONS} current={path} />
      {section ? <section.content key={section.path} /> : path.startsWith('/admin/') && <Empty title="There is no such page">Nothing lies at {path}.</Empty>}
    </div>
  );
}
