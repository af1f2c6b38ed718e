import type { Pinned } from './state';

export function Histogram(_: { pinned: Pinned }) {
  return null;
}
