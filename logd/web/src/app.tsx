/** The shell: navigation, the page that the path names, and what is above all pages. */

import { signal } from '@preact/signals';
import type { ComponentType } from 'preact';
import { useEffect, useErrorBoundary } from 'preact/hooks';

import { ConnectionBanner } from './parts/connection_banner';
import { Icon, type IconName } from './parts/icon';
import { Login } from './parts/login';
import { Settings } from './parts/settings';
import { Shortcuts, useShortcut } from './parts/shortcuts';
import { Empty, Failed } from './parts/states';
import { Toasts } from './parts/toast';
import { asApiError } from './api/load';
import { draftsBelow } from './state/drafts';
import { go, place } from './state/place';

interface Page {
  title: string;
  icon: IconName;
  /** Its path, and everything below it. */
  path: string;
  /** With `g`, goes there. */
  key: string;
  load: () => Promise<{ default: ComponentType }>;
}

const PAGES: readonly Page[] = [
  { title: 'Dashboards', icon: 'dashboard', path: '/dashboards', key: 'd', load: () => import('./dashboards/page') },
  { title: 'Explore', icon: 'search', path: '/explore', key: 'e', load: () => import('./explore/page') },
  { title: 'Live tail', icon: 'tail', path: '/tail', key: 't', load: () => import('./tail/page') },
  { title: 'Alerts', icon: 'bell', path: '/alerts', key: 'a', load: () => import('./alerts/page') },
  { title: 'Admin', icon: 'sliders', path: '/admin', key: 'm', load: () => import('./admin/page') },
];

function pageOf(path: string): Page | undefined {
  return PAGES.find((page) => path === page.path || path.startsWith(`${page.path}/`));
}

export function App() {
  const { path, params } = place.value;
  useEffect(() => {
    // Links of alerts, and of people, say what they search for at the root.
    if (path === '/') go(params.has('q') ? `/explore?${params}` : '/dashboards', { replace: true });
  }, [path]);
  for (const page of PAGES) useShortcut(`g ${page.key}`, `Go to ${page.title}`, () => go(page.path));
  const page = pageOf(path);
  useEffect(() => {
    document.title = page ? `${page.title} · logd` : 'logd';
  }, [page]);
  return (
    <>
      <a class="skip" href="#content">
        Skip to the content
      </a>
      <header class="bar">
        <a class="brand" href="/dashboards" aria-label="logd">
          <img src="/icon.svg" width="22" height="22" alt="" />
          <span>logd</span>
        </a>
        <nav aria-label="Pages">
          {PAGES.map((one) => {
            const isUnsaved = draftsBelow(one.path).length > 0;
            const label = isUnsaved ? `${one.title}: something isn’t saved yet` : one.title;
            return (
              <a key={one.path} href={one.path} aria-label={label} title={isUnsaved ? label : undefined} aria-current={one === page ? 'page' : undefined}>
                <Icon name={one.icon} />
                <span>{one.title}</span>
                {isUnsaved && <i class="unsaved" aria-hidden="true" />}
              </a>
            );
          })}
        </nav>
        <span class="spring" />
        <Settings />
      </header>
      <ConnectionBanner />
      <main id="content" tabIndex={-1}>
        {page ? <Loader key={page.path} page={page} /> : path !== '/' && <Empty title="There is no such page">Nothing lies at {path}.</Empty>}
      </main>
      <Toasts />
      <Login />
      <Shortcuts />
    </>
  );
}

const loaded = signal<ReadonlyMap<string, ComponentType>>(new Map());
const failed = signal<unknown>(undefined);

async function load(page: Page): Promise<void> {
  failed.value = undefined;
  try {
    const module = await page.load();
    loaded.value = new Map(loaded.value).set(page.path, module.default);
  } catch (error) {
    failed.value = error;
  }
}

function Loader({ page }: { page: Page }) {
  const Content = loaded.value.get(page.path);
  useEffect(() => {
    if (!Content) void load(page);
  }, [page]);
  // Without it an error of one page would leave nothing, not even the way to another.
  const [broken] = useErrorBoundary();
  if (broken) return <Failed error={asApiError(broken)} retry={() => location.reload()} />;
  if (Content) return <Content />;
  // A chunk that isn't there any more: the server has newer ones.
  if (failed.value) return <Failed error={asApiError(failed.value)} retry={() => location.reload()} />;
  return null;
}
