import { describe, expect, it } from 'vitest';
import { barsOf, csvOf, totalOf, usageRange } from './range';

const NOW = Date.parse('2026-03-10T15:20:00Z');

describe('a range', () => {
  it('is half open and ends with the current day', () => {
    expect(usageRange('7d', NOW)).toEqual({ from: '2026-03-04T00:00:00.000Z', to: '2026-03-11T00:00:00.000Z', window: 'day' });
  });
  it('or with the current hour', () => {
    expect(usageRange('24h', NOW)).toEqual({ from: '2026-03-09T16:00:00.000Z', to: '2026-03-10T16:00:00.000Z', window: 'hour' });
  });
  it('is the same all through the window, so that it is fetched once', () => {
    expect(usageRange('7d', NOW)).toEqual(usageRange('7d', NOW + 60_000));
  });
});

it('has a bar per window, also where nothing was counted', () => {
  const bars = barsOf(usageRange('7d', NOW), [{ start: '2026-03-10T00:00:00Z', end: '2026-03-11T00:00:00Z', group: {}, value: '12' }]);
  expect(bars.map((bar) => bar.value)).toEqual([0, 0, 0, 0, 0, 0, 12]);
  expect(totalOf(bars)).toBe(12);
  expect(csvOf(bars.slice(-1))).toBe('start,end,value\r\n2026-03-10T00:00:00.000Z,2026-03-11T00:00:00.000Z,12\r\n');
});
