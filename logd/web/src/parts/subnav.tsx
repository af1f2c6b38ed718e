import { useEffect, useRef } from 'preact/hooks';

interface SubnavProps {
  label: string;
  links: readonly { path: string; title: string }[];
  /** The path of the one that is shown. */
  current: string | undefined;
}

/** The parts of a page, of which one is shown: it is in sight also where there is no room for all. */
export function Subnav({ label, links, current }: SubnavProps) {
  const nav = useRef<HTMLElement>(null);
  useEffect(() => {
    const shown = nav.current!.querySelector<HTMLElement>('[aria-current]');
    if (shown) nav.current!.scrollLeft = shown.offsetLeft - nav.current!.offsetLeft - (nav.current!.clientWidth - shown.offsetWidth) / 2;
  }, [current]);
  return (
    <nav ref={nav} class="subnav" aria-label={label}>
      {links.map(({ path, title }) => (
        <a key={path} href={path} aria-current={path === current ? 'page' : undefined}>
          {title}
        </a>
      ))}
    </nav>
  );
}
