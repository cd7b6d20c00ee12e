// Usage told apart: by key, project, person or operation.
import type { UsageRange } from '../../api/operations/usage';
import type { UsageBucket } from '../../api/types';
import { csv } from '../../ui/csv';
import { barsOf, totalOf, type Bar } from './range';

export const GROUPINGS = ['key', 'project', 'user', 'operation'] as const;
export type Grouping = (typeof GROUPINGS)[number];

export interface Group {
  /** What it is told apart by; null for usage that has none. */
  value: string | null;
  bars: Bar[];
  total: number;
}

/** Each group with a bar per window, the largest first. */
export function groupsOf(range: UsageRange, buckets: readonly UsageBucket[], by: Grouping): Group[] {
  const apart = new Map<string | null, UsageBucket[]>();
  for (const bucket of buckets) {
    const value = bucket.group[by] ?? null;
    apart.set(value, [...(apart.get(value) ?? []), bucket]);
  }
  const groups = [...apart].map(([value, own]) => {
    const bars = barsOf(range, own);
    return { value, bars, total: totalOf(bars) };
  });
  return groups.toSorted((a, b) => b.total - a.total);
}

export interface Part {
  /** Undefined for all smaller ones together. */
  group: Group | undefined;
  values: number[];
}

/** At most `most` parts for a chart: the largest groups, and what is left together. */
export function partsOf(groups: readonly Group[], most: number): Part[] {
  const named = groups.length <= most ? groups : groups.slice(0, most - 1);
  const parts: Part[] = named.map((group) => ({ group, values: group.bars.map((bar) => bar.value) }));
  const rest = groups.slice(named.length);
  const [first] = rest;
  if (first !== undefined) parts.push({ group: undefined, values: first.bars.map((_, index) => rest.reduce((sum, group) => sum + (group.bars[index]?.value ?? 0), 0)) });
  return parts;
}

/** The figures as they are shown, a row per window; told apart, a row per window and group that has some. */
export function csvOf(bars: readonly Bar[], groups: readonly Group[] | undefined, by: Grouping | undefined): string {
  if (groups === undefined || by === undefined) return csv(['start', 'end', 'value'], bars.map((bar) => [bar.start, bar.end, bar.value]));
  const rows = groups.flatMap((group) => group.bars.filter((bar) => bar.value !== 0).map((bar) => [bar.start, bar.end, group.value, bar.value]));
  return csv(['start', 'end', by, 'value'], rows);
}
