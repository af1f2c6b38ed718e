/** Numbers as people read them. */

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
const exact = new Intl.NumberFormat('en', { maximumSignificantDigits: 4 });

/** `12,345`. */
export const countText = (value: number): string => whole.format(value);
/** `1 line`, `12,345 lines`. */
export const manyText = (value: number, one: string, many = `${one}s`): string => `${countText(value)} ${value === 1 ? one : many}`;
/** `12.3K`. */
export const shortText = (value: number): string => short.format(value);
/** Any number, in four digits; `–` for none. */
export const valueText = (value: number | null | undefined): string =>
  value === null || value === undefined ? '–' : Math.abs(value) >= 10_000 ? short.format(value) : exact.format(value);

/** `1.5 MB`; 1 kB are 1,000 bytes. */
export function bytesText(bytes: number): string {
  const names = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let step = 0;
  while (bytes >= 1_000 && step < names.length - 1) {
    bytes /= 1_000;
    step += 1;
  }
  return `${bytes < 10 && step ? bytes.toFixed(1) : Math.round(bytes)} ${names[step]}`;
}

/** `12.3 %` of a share from 0 to 1. */
export const shareText = (share: number): string =>
  share > 0 && share < 0.0005 ? '< 0.1 %' : `${(100 * share).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`;
