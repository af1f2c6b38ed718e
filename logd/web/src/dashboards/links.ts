/** Ways from a panel to Explore, with exactly what it asks. */

import { fieldIs, fieldName, withTerm } from '../explore/filters';
import { exploreLink, operatorOf } from '../explore/state';
import type { Range } from '../state/time';
import { valuesOf } from '../state/values';
import type { Panel, PanelSearch } from './document';
import type { Group } from './figures';

/** Where one sees the records that the panel is about. */
export function panelLink(panel: Panel, search: PanelSearch, range: Range): string {
  switch (panel.source) {
    case 'alerts':
      return '/alerts';
    case 'lag':
    case 'slow_searches':
      return '/admin/pipeline';
    case 'usage':
      return '/admin/usage';
    default:
      return linkOf(search, range, panel.source === 'patterns', panel.share);
  }
}

/** … and are of the group. Of those that match the share's query, too: they are what one looks for. */
export function groupLink(panel: Panel, search: PanelSearch, range: Range, group: Group): string {
  const terms = Object.entries(group.values).map(([field, value]) => fieldIs(fieldName(field), value));
  const q = terms.reduce(withTerm, search.q ?? '');
  return linkOf({ ...search, q }, range, false, panel.share);
}

export function linkOf(search: PanelSearch, range: Range, isPatterns: boolean, share: string | undefined): string {
  const q = search.q ?? '';
  return exploreLink({
    q: share === undefined ? q : withTerm(q, `(${share})`),
    operator: operatorOf(search.default_operator),
    service: valuesOf(search.service),
    level: valuesOf(search.level),
    host: valuesOf(search.host),
    range,
    ...(isPatterns ? { view: 'patterns' as const } : {}),
  });
}
