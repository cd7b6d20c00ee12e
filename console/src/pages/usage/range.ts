import type { UsageRange } from '../../api/operations/usage';
import type { UsageBucket } from '../../api/types';

export type RangeName = '24h' | '7d' | '30d';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const SHAPES = {
  '24h': { window: 'hour', step: HOUR_MS, count: 24 },
  '7d': { window: 'day', step: DAY_MS, count: 7 },
  '30d': { window: 'day', step: DAY_MS, count: 30 },
} as const;

/** Half open, ending with the current window: asked again within it, the same range (and the same cache entry) results. */
export function usageRange(name: RangeName, now = Date.now()): UsageRange {
  const { window, step, count } = SHAPES[name];
  const to = (Math.floor(now / step) + 1) * step;
  return { from: new Date(to - count * step).toISOString(), to: new Date(to).toISOString(), window };
}

export interface Bar {
  start: string;
  end: string;
  value: number;
}

/** One bar per window of the range, zero where the server has no bucket. */
export function barsOf(range: UsageRange, buckets: readonly UsageBucket[]): Bar[] {
  const step = range.window === 'hour' ? HOUR_MS : DAY_MS;
  const from = Date.parse(range.from);
  const values = new Map<number, number>();
  for (const bucket of buckets) {
    const window = Math.floor((Date.parse(bucket.start) - from) / step);
    values.set(window, (values.get(window) ?? 0) + Number(bucket.value));
  }
  const count = Math.round((Date.parse(range.to) - from) / step);
  return Array.from({ length: count }, (_, window) => ({
    start: new Date(from + window * step).toISOString(),
    end: new Date(from + (window + 1) * step).toISOString(),
    value: values.get(window) ?? 0,
  }));
}

export function totalOf(bars: readonly Bar[]): number {
  return bars.reduce((sum, bar) => sum + bar.value, 0);
}

/** RFC 4180. Nothing in it needs quotes: instants and numbers. */
export function csvOf(bars: readonly Bar[]): string {
  return ['start,end,value', ...bars.map((bar) => `${bar.start},${bar.end},${bar.value}`)].join('\r\n') + '\r\n';
}
