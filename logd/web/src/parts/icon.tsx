/** Drawings of 16 × 16, in the colour of the text. They say nothing by themselves: what holds them has a name. */

const SHAPES = {
  dashboard: 'M2 2h5v7H2zM9 2h5v4H9zM9 8h5v6H9zM2 11h5v3H2z',
  search: 'M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9zM10.5 10.5 14 14',
  tail: 'M2 3.5h12M2 7h12M2 10.5h7M12 9.5v4M10 11.8l2 2 2-2',
  bell: 'M8 2a4 4 0 0 0-4 4v3l-1.5 2.5h11L12 9V6a4 4 0 0 0-4-4zM6.5 13.5h3',
  sliders: 'M2 4h7M12 4h2M9 2.5v3M2 8h2M7 8h7M4.5 6.5v3M2 12h7M12 12h2M9 10.5v3',
  gear: 'M8 5.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5zM8 1.5v2M8 12.5v2M1.5 8h2M12.5 8h2M3.4 3.4l1.4 1.4M11.2 11.2l1.4 1.4M12.6 3.4l-1.4 1.4M4.8 11.2l-1.4 1.4',
  close: 'M3.5 3.5l9 9M12.5 3.5l-9 9',
  down: 'M3.5 6 8 10.5 12.5 6',
  right: 'M6 3.5 10.5 8 6 12.5',
  left: 'M10 3.5 5.5 8l4.5 4.5',
  up: 'M3.5 10 8 5.5l4.5 4.5',
  plus: 'M8 3v10M3 8h10',
  minus: 'M3 8h10',
  play: 'M4.5 2.5v11l8.5-5.5z',
  pause: 'M5 3v10M11 3v10',
  reload: 'M13 8a5 5 0 1 1-1.5-3.6M13 2v3h-3',
  copy: 'M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3',
  download: 'M8 2v8M4.5 7 8 10.5 11.5 7M2.5 13.5h11',
  upload: 'M8 10.5v-8M4.5 5.5 8 2l3.5 3.5M2.5 13.5h11',
  star: 'M8 2l1.8 3.8 4.2.6-3 2.9.7 4.2L8 11.5l-3.7 2 .7-4.2-3-2.9 4.2-.6z',
  clock: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zM8 4.5V8l2.5 1.5',
  columns: 'M2.5 3h11v10h-11zM6.2 3v10M9.8 3v10',
  calendar: 'M2.5 3.5h11v10h-11zM2.5 6.5h11M5.5 2v3M10.5 2v3',
  link: 'M6.5 9.5l3-3M5 7.5 3.3 9.2a2.5 2.5 0 0 0 3.5 3.5L8.5 11M11 8.5l1.7-1.7a2.5 2.5 0 0 0-3.5-3.5L7.5 5',
  trash: 'M3 4.5h10M6 4.5v-2h4v2M4.5 4.5l.6 9h5.8l.6-9',
  edit: 'M3 13l.6-3L10.8 2.8l2.4 2.4L6 12.4z',
  check: 'M3 8.5 6.5 12 13 4.5',
  warning: 'M8 2 1.5 13.5h13zM8 6.5v3.5M8 11.8v.4',
  filter: 'M2 3h12L9.5 8.5V13l-3-1.5v-3z',
  wrap: 'M2 3.5h12M2 8h9.5a2.3 2.3 0 0 1 0 4.6H8M9.5 11 8 12.6l1.5 1.6M2 12.5h3',
  more: 'M3.5 8h.01M8 8h.01M12.5 8h.01',
  moon: 'M13 9.5A5.5 5.5 0 0 1 6.5 3 5.5 5.5 0 1 0 13 9.5z',
  move: 'M8 2v12M2 8h12M6 4l2-2 2 2M6 12l2 2 2-2M4 6 2 8l2 2M12 6l2 2-2 2',
} as const;

export type IconName = keyof typeof SHAPES;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
      <path d={SHAPES[name]} />
    </svg>
  );
}
