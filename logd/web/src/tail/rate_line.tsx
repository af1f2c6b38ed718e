/** How many lines come: a number, and the last minute as bars by level. */

import { useEffect, useReducer, useRef } from 'preact/hooks';

import { colourOf, LEVELS } from '../parts/levels';
import { countText } from '../state/numbers';
import { isDark } from '../state/settings';
import type { Tailer } from './tailer';

const WIDTH_PX = 180;
const HEIGHT_PX = 26;

export function RateLine({ tailer }: { tailer: Tailer }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [, redraw] = useReducer((turn: number, _: undefined) => turn + 1, 0);
  useEffect(() => {
    const timer = setInterval(() => redraw(undefined), 1_000);
    return () => clearInterval(timer);
  }, []);
  const now = Date.now();
  const rate = tailer.rates.perSecond(now);
  const text = rate > 0 && rate < 10 ? rate.toFixed(1) : countText(rate);
  const dark = isDark.value;
  useEffect(() => {
    draw(canvas.current!, tailer.rates.past(Date.now()));
  });
  return (
    <div class="tail-rate" data-dark={dark}>
      <canvas ref={canvas} role="img" aria-label={`Lines a second in the last minute; now ${text}`} />
      <span class="tail-number">
        <b>{text}</b> lines/s
      </span>
    </div>
  );
}

function draw(canvas: HTMLCanvasElement, past: readonly (readonly number[])[]): void {
  const scale = devicePixelRatio || 1;
  // Giving it a size clears it.
  canvas.width = WIDTH_PX * scale;
  canvas.height = HEIGHT_PX * scale;
  const pen = canvas.getContext('2d');
  if (!pen) return;
  pen.scale(scale, scale);
  const colours = [...LEVELS.map((level) => colourOf(`--level-${level.toLowerCase()}`)), colourOf('--level-none')];
  const most = Math.max(1, ...past.map((counts) => counts.reduce((one, other) => one + other, 0)));
  const step = WIDTH_PX / past.length;
  pen.fillStyle = colourOf('--line');
  pen.fillRect(0, HEIGHT_PX - 1, WIDTH_PX, 1);
  past.forEach((counts, number) => {
    let bottom = HEIGHT_PX - 1;
    counts.forEach((lines, level) => {
      const height = (lines / most) * (HEIGHT_PX - 2);
      pen.fillStyle = colours[level]!;
      pen.fillRect(number * step, bottom - height, step - 0.75, height);
      bottom -= height;
    });
  });
}
