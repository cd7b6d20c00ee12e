import type { UsageRange } from '../../api/operations/usage';
import type { UsageBucket } from '../../api/types';

export type RangeName = '24h' | '7d' | '30d' | '90d';
export type WindowName = UsageRange['window'];

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** How long each range is, and by which windows it can be read; the first of them is the usual one. */
const SHAPES: Record<RangeName, { length: number; windows: readonly [WindowName, ...WindowName[]] }> = {
  '24h': { length: DAY_MS, windows: ['hour'] },
  '7d': { length: 7 * DAY_MS, windows: ['day', 'hour'] },
  '30d': { length: 30 * DAY_MS, windows: ['day'] },
  '90d': { length: 90 * DAY_MS, windows: ['day', 'month'] },
};

export function windowsOf(name: RangeName): readonly WindowName[] {
  return SHAPES[name].windows;
}

/** The window that is meant: the wanted one, where the range can be read by it. */
export function windowOf(name: RangeName, wanted: WindowName | undefined): WindowName {
  const { windows } = SHAPES[name];
  return windows.find((window) => window === wanted) ?? windows[0];
}

/** Half open, ending with the current window: asked again within it, the same range (and the same cache entry) results. */
export function usageRange(name: RangeName, wanted?: WindowName, now = Date.now()): UsageRange {
  const { length } = SHAPES[name];
  const window = windowOf(name, wanted);
  if (window === 'month') {
    const at = new Date(now);
    const month = (offset: number) => new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + offset)).toISOString();
    // The current month and the two before it.
    return { from: month(-2), to: month(1), window };
  }
  // A range of days ends with the day, also when it is read by the hour.
  const step = length > DAY_MS ? DAY_MS : HOUR_MS;
  const to = (Math.floor(now / step) + 1) * step;
  return { from: new Date(to - length).toISOString(), to: new Date(to).toISOString(), window };
}

export interface Bar {
  start: string;
  end: string;
  value: number;
}

function nextStart(start: number, window: WindowName): number {
  if (window === 'hour') return start + HOUR_MS;
  if (window === 'day') return start + DAY_MS;
  const at = new Date(start);
  return Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1);
}

/** What can be shown of a range: nothing before the window in which what the plan shows begins. */
export function shownRange(range: UsageRange, retainedFrom: string | null): UsageRange {
  const cut = cutAt(range.from, retainedFrom);
  if (cut === undefined) return range;
  const retained = Date.parse(cut);
  const to = Date.parse(range.to);
  let start = Date.parse(range.from);
  for (let next = nextStart(start, range.window); next <= retained && next < to; next = nextStart(start, range.window)) start = next;
  return { ...range, from: new Date(start).toISOString() };
}

/** From when on the plan shows usage, if that isn't all from this instant on. */
export function cutAt(from: string, retainedFrom: string | null): string | undefined {
  return retainedFrom !== null && Date.parse(from) < Date.parse(retainedFrom) ? retainedFrom : undefined;
}

/** One bar per window of the range, zero where the server has no bucket. */
export function barsOf(range: UsageRange, buckets: readonly UsageBucket[]): Bar[] {
  const values = new Map<number, number>();
  for (const bucket of buckets) {
    const start = Date.parse(bucket.start);
    values.set(start, (values.get(start) ?? 0) + Number(bucket.value));
  }
  const bars: Bar[] = [];
  const to = Date.parse(range.to);
  for (let start = Date.parse(range.from); start < to; start = nextStart(start, range.window)) {
    bars.push({ start: new Date(start).toISOString(), end: new Date(nextStart(start, range.window)).toISOString(), value: values.get(start) ?? 0 });
  }
  return bars;
}

export function totalOf(bars: readonly Bar[]): number {
  return bars.reduce((sum, bar) => sum + bar.value, 0);
}
