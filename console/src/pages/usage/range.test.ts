import { describe, expect, it } from 'vitest';
import { csvOf, groupsOf, partsOf } from './groups';
import { barsOf, cutAt, shownRange, totalOf, usageRange, windowOf } from './range';

const NOW = Date.parse('2026-03-10T15:20:00Z');
const bucket = (start: string, end: string, value: string, group = {}) => ({ start, end, group, value });

describe('a range', () => {
  it('is half open and ends with the current day', () => {
    expect(usageRange('7d', undefined, NOW)).toEqual({ from: '2026-03-04T00:00:00.000Z', to: '2026-03-11T00:00:00.000Z', window: 'day' });
  });
  it('or with the current hour', () => {
    expect(usageRange('24h', undefined, NOW)).toEqual({ from: '2026-03-09T16:00:00.000Z', to: '2026-03-10T16:00:00.000Z', window: 'hour' });
  });
  it('covers whole months, which differ in length', () => {
    const range = usageRange('90d', 'month', NOW);
    expect(range).toEqual({ from: '2026-01-01T00:00:00.000Z', to: '2026-04-01T00:00:00.000Z', window: 'month' });
    expect(barsOf(range, [bucket('2026-02-01T00:00:00Z', '2026-03-01T00:00:00Z', '5')]).map((bar) => [bar.start.slice(0, 10), bar.value])).toEqual([
      ['2026-01-01', 0],
      ['2026-02-01', 5],
      ['2026-03-01', 0],
    ]);
  });
  it('is the same all through the window, so that it is fetched once', () => {
    expect(usageRange('7d', undefined, NOW)).toEqual(usageRange('7d', undefined, NOW + 60_000));
  });
  it('is read only by windows that suit it', () => {
    expect([windowOf('7d', 'hour'), windowOf('30d', 'hour'), windowOf('24h', undefined)]).toEqual(['hour', 'day', 'hour']);
  });
});

describe('what the plan shows of a range', () => {
  const starts = (name: '7d' | '90d', window: 'day' | 'month', retainedFrom: string | null) =>
    barsOf(shownRange(usageRange(name, window, NOW), retainedFrom), []).map((bar) => bar.start.slice(0, 10));
  it('is all of it where it shows everything, or as far back', () => {
    expect(starts('7d', 'day', null)).toHaveLength(7);
    expect(starts('7d', 'day', '2026-03-04T00:00:00Z')).toHaveLength(7);
    expect(cutAt('2026-03-04T00:00:00.000Z', '2026-03-04T00:00:00Z')).toBeUndefined();
  });
  it('has no bar for what is before it, and one for the window in which it begins', () => {
    expect(starts('7d', 'day', '2026-03-09T00:00:00Z')).toEqual(['2026-03-09', '2026-03-10']);
    expect(starts('7d', 'day', '2026-03-09T06:00:00Z')).toEqual(['2026-03-09', '2026-03-10']);
    expect(starts('90d', 'month', '2026-02-10T00:00:00Z')).toEqual(['2026-02-01', '2026-03-01']);
  });
  it('is never less than the current window', () => {
    expect(starts('7d', 'day', '2026-04-01T00:00:00Z')).toEqual(['2026-03-10']);
  });
});

it('has a bar per window, also where nothing was counted', () => {
  const bars = barsOf(usageRange('7d', undefined, NOW), [bucket('2026-03-10T00:00:00Z', '2026-03-11T00:00:00Z', '12')]);
  expect(bars.map((bar) => bar.value)).toEqual([0, 0, 0, 0, 0, 0, 12]);
  expect(totalOf(bars)).toBe(12);
  expect(csvOf(bars.slice(-1), undefined, undefined)).toBe('start,end,value\r\n2026-03-10T00:00:00.000Z,2026-03-11T00:00:00.000Z,12\r\n');
});

describe('usage that is told apart', () => {
  const range = usageRange('7d', undefined, NOW);
  const on = (day: number, value: string, key?: string) => bucket(`2026-03-0${day}T00:00:00Z`, `2026-03-0${day + 1}T00:00:00Z`, value, key === undefined ? {} : { key });
  const groups = groupsOf(range, [on(4, '1', 'a'), on(4, '2', 'b'), on(5, '4', 'b'), on(5, '3'), on(6, '2', 'c')], 'key');
  it('has the largest first, and what has no such value too', () => {
    expect(groups.map(({ value, total }) => [value, total])).toEqual([['b', 6], [null, 3], ['c', 2], ['a', 1]]);
  });
  it('is drawn as the largest and the rest', () => {
    const parts = partsOf(groups, 3);
    expect(parts.map(({ group }) => group?.value)).toEqual(['b', null, undefined]);
    expect(parts.at(-1)?.values).toEqual([1, 0, 2, 0, 0, 0, 0]);
    expect(partsOf(groups, 4).every(({ group }) => group !== undefined)).toBe(true);
  });
  it('is downloaded with the value of each', () => {
    expect(csvOf([], groups.slice(0, 2), 'key').split('\r\n').slice(0, 2)).toEqual(['start,end,key,value', '2026-03-04T00:00:00.000Z,2026-03-05T00:00:00.000Z,b,2']);
  });
});
