/** The dashboard that logd comes with: a document as any other, which one may copy. */

import type { Document } from './document';

const BAD = 'level:(ERROR OR FATAL)';
const WORSE = [
  { value: 0.02, colour: 'warning' as const },
  { value: 0.1, colour: 'danger' as const },
];

export const HOME: Document = {
  name: 'Home',
  description: 'What comes in, what goes wrong, and how logd keeps up.',
  refresh_seconds: 30,
  time: { from: '-1h', to: 'now' },
  panels: [
    { id: 'lines', title: 'Lines', type: 'number', x: 0, y: 0, w: 3, h: 2 },
    { id: 'error-share', title: 'Error rate', type: 'number', x: 3, y: 0, w: 3, h: 2, share: BAD, unit: 'percent', thresholds: WORSE },
    { id: 'alerts', title: 'Firing alerts', type: 'status', x: 6, y: 0, w: 3, h: 2, source: 'alerts', top: 20 },
    { id: 'lag', title: 'Ingest lag', type: 'status', x: 9, y: 0, w: 3, h: 2, source: 'lag' },
    { id: 'volume', title: 'Volume by level', type: 'timeseries', x: 0, y: 2, w: 12, h: 4, by: ['level'], draw: 'bars', unit: 'count' },
    { id: 'error-rate', title: 'Error rate by service', type: 'timeseries', x: 0, y: 6, w: 7, h: 4, by: ['service'], share: BAD, draw: 'lines', top: 8, unit: 'percent' },
    { id: 'error-services', title: 'Services with errors', type: 'table', x: 7, y: 6, w: 5, h: 4, by: ['service'], share: BAD, top: 20, unit: 'percent', thresholds: WORSE },
    { id: 'messages', title: 'Top error messages', type: 'table', x: 0, y: 10, w: 12, h: 5, source: 'patterns', search: { level: ['ERROR', 'FATAL'] }, top: 12 },
    { id: 'bytes', title: 'Bytes by service', type: 'top', x: 0, y: 15, w: 4, h: 4, source: 'bytes', by: ['service'], top: 12, unit: 'bytes' },
    { id: 'slowest', title: 'Slowest searches of the last hour', type: 'table', x: 4, y: 15, w: 8, h: 4, source: 'slow_searches', top: 12 },
  ],
};
