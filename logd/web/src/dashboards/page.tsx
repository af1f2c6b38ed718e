/** /dashboards: the home page; /dashboards/shipped, the one that logd comes with; /dashboards/all; /dashboards/{id}. */

import './style.css';
import './panels.css';
import './drawn.css';
import './editing.css';
import './narrow.css';

import { useLoad } from '../api/load';
import { Button } from '../parts/button';
import { Empty, Failed, Loading } from '../parts/states';
import { reconnects } from '../state/connection';
import { go, place, unescapedPart } from '../state/place';
import { HOME } from './home';
import { all, homeOf } from './kept';
import { DashboardList } from './list';
import { DashboardView } from './view';

export default function Page() {
  const which = unescapedPart(place.value.path.slice('/dashboards/'.length));
  const kept = useLoad(all, [reconnects.value]);
  if (which === 'all') return <DashboardList kept={kept} />;
  if (which === 'shipped') return <DashboardView key="shipped" document={HOME} kept={kept} />;
  if (!kept.data && kept.loading) return <Loading began={kept.began} cancel={kept.cancel} />;
  const found = which ? kept.data?.find(({ id, name }) => id === which || name === which) : homeOf(kept.data ?? []);
  if (found) return <DashboardView key={found.id} document={found} kept={kept} />;
  // Without the catalog there is the shipped one still.
  if (!which) return <DashboardView key="shipped" document={HOME} kept={kept} />;
  if (kept.error) return <Failed error={kept.error} retry={kept.reload} />;
  return (
    <>
      <Empty title="There is no such dashboard">Somebody may have deleted it.</Empty>
      <div class="state">
        <Button onClick={() => go('/dashboards/all')}>All dashboards</Button>
      </div>
    </>
  );
}
