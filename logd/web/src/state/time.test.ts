// @vitest-environment happy-dom
import { afterEach, describe, expect, test } from 'vitest';

import { zone } from './settings';
import { instant, inZone, iso, rangeText, timeText } from './time';

const NOW = Date.parse('2026-11-28T05:36:29.123Z');
const at = (text: string) => {
  const found = instant(text, NOW);
  return found === undefined ? undefined : iso(found);
};

afterEach(() => {
  zone.value = 'local';
});

describe('instants', () => {
  test.each([
    ['now', '2026-11-28T05:36:29.123Z'],
    ['-15m', '2026-11-28T05:21:29.123Z'],
    ['now-1d/d', '2026-11-27T00:00:00.000Z'],
    ['now/w', '2026-11-23T00:00:00.000Z'],
    ['-1h+5m/m', '2026-11-28T04:41:00.000Z'],
    ['-500ms', '2026-11-28T05:36:28.623Z'],
    ['2026-11-22', '2026-11-22T00:00:00.000Z'],
    ['2026-11', '2026-11-01T00:00:00.000Z'],
    ['2026', '2026-01-01T00:00:00.000Z'],
    ['2026-11-22T10', '2026-11-22T10:00:00.000Z'],
    ['2026-11-22 10:30', '2026-11-22T10:30:00.000Z'],
    ['2026-11-22T10:30:00,5', '2026-11-22T10:30:00.500Z'],
    ['2026-11-22T10:30:00.123456789Z', '2026-11-22T10:30:00.123Z'],
    ['2026-11-22T10:30:00+01:00', '2026-11-22T09:30:00.000Z'],
    ['2026-11-22T10:30:00+01', '2026-11-22T09:30:00.000Z'],
    ['1763805600', '2025-11-22T10:00:00.000Z'],
    ['1763805600.5', '2025-11-22T10:00:00.500Z'],
    ['1763805600000', '2025-11-22T10:00:00.000Z'],
    ['1763805600000000', '2025-11-22T10:00:00.000Z'],
    ['1763805600000000000', '2025-11-22T10:00:00.000Z'],
    ['', undefined],
    ['yesterday', undefined],
    ['2026-13-01', undefined],
    ['now-1M', undefined],
    ['March 7', undefined],
  ])('%s', (text, time) => expect(at(text)).toBe(time));
});

describe('times of a zone', () => {
  test.each([
    ['UTC', '2026-11-28 14:30', '2026-11-28T14:30:00.000Z'],
    ['Europe/Berlin', '2026-11-28 14:30:05.25', '2026-11-28T13:30:05.250Z'],
    ['Europe/Berlin', '2026-07-01', '2026-06-30T22:00:00.000Z'],
    // On either side of both changes of the clock.
    ['Europe/Berlin', '2026-03-29 01:59:59', '2026-03-29T00:59:59.000Z'],
    ['Europe/Berlin', '2026-03-29 03:00', '2026-03-29T01:00:00.000Z'],
    ['Europe/Berlin', '2026-10-25 01:59', '2026-10-24T23:59:00.000Z'],
    ['Europe/Berlin', '2026-10-25 03:00', '2026-10-25T02:00:00.000Z'],
    ['America/New_York', '2026-03-08 01:59', '2026-03-08T06:59:00.000Z'],
    ['America/New_York', '2026-03-08 03:00', '2026-03-08T07:00:00.000Z'],
    ['America/New_York', '2026-11-01 00:30', '2026-11-01T04:30:00.000Z'],
    ['America/New_York', '2026-11-01 02:00', '2026-11-01T07:00:00.000Z'],
    ['Asia/Kolkata', '2026-11-28 00:00', '2026-11-27T18:30:00.000Z'],
    ['Australia/Lord_Howe', '2026-04-05 02:00', '2026-04-04T15:30:00.000Z'],
  ])('%s: %s', (name, text, time) => {
    zone.value = name;
    expect(iso(inZone(text)!)).toBe(time);
    expect(timeText(inZone(text)!)).toContain(text);
  });

  test('an hour that is there twice, or not at all, is one of those beside it', () => {
    zone.value = 'Europe/Berlin';
    expect(['2026-10-25T00:30:00.000Z', '2026-10-25T01:30:00.000Z']).toContain(iso(inZone('2026-10-25 02:30')!));
    expect(['2026-03-29T00:30:00.000Z', '2026-03-29T01:30:00.000Z']).toContain(iso(inZone('2026-03-29 02:30')!));
  });

  test('all that has no offset is of the zone, however fine or coarse it is', () => {
    zone.value = 'Asia/Tokyo';
    const found = ['2026-11-28 14:30:00.123456', '2026-11-28T14:30', '2026-11-28 14', '2026-11-28', '2026-11'].map((text) => iso(inZone(text)!));
    expect(found).toEqual(['2026-11-28T05:30:00.123Z', '2026-11-28T05:30:00.000Z', '2026-11-28T05:00:00.000Z', '2026-11-27T15:00:00.000Z', '2026-10-31T15:00:00.000Z']);
  });

  test.each(['', 'now', '-2h', '1764300000', '2026-11-28T05:30:00Z', '2026-11-28 25:00', '2026-02-30', '28.11.2026'])('%j is none', (text) => expect(inZone(text)).toBeUndefined());
});

describe('texts', () => {
  test('keep what is finer than the browser’s milliseconds', () => {
    zone.value = 'UTC';
    expect(timeText('2026-11-28T05:36:29.123456Z')).toBe('2026-11-28 05:36:29.123456');
    expect(timeText('2026-11-28T05:36:29Z')).toBe('2026-11-28 05:36:29.000');
    expect(timeText(NOW, { date: false, millis: false })).toBe('05:36:29');
    expect(timeText(-1)).toBe('1969-12-31 23:59:59.999');
    expect(timeText('no time')).toBe('no time');
  });

  test('of ranges', () => {
    zone.value = 'UTC';
    expect(rangeText({ from: '-15m', to: 'now' })).toBe('Last 15 minutes');
    expect(rangeText({ from: '-90m', to: 'now' })).toBe('Last 90 minutes');
    expect(rangeText({ from: '-1d', to: 'now' })).toBe('Last day');
    expect(rangeText({ from: 'now-1d/d', to: 'now' })).toBe('now-1d/d – now');
    expect(rangeText({ from: '2026-11-28T05:00:00.000Z', to: '2026-11-28T06:00:00.500Z' })).toBe('2026-11-28 05:00:00 – 06:00:00.500');
    expect(rangeText({ from: '2026-11-27T05:00:00Z', to: '2026-11-28T06:00:00Z' })).toBe('2026-11-27 05:00:00 – 2026-11-28 06:00:00');
  });
});
