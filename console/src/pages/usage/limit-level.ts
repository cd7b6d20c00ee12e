import type { Limit } from '../../api/types';
import type { Level } from '../../ui/Meter';

const DEFAULT_WARN_PERCENT = 80;
const FULL_PERCENT = 100;

/** Amber from the limit's first threshold on, red when nothing is left. The thresholds are the plan's (`warn_at`, in percent). */
export function levelOf({ used, limit, warn_at }: Pick<Limit, 'used' | 'limit' | 'warn_at'>): Level {
  if (limit === null) return 'ok';
  // Nothing allowed and nothing used is a feature the plan lacks, not an alarm.
  if (limit === 0) return used > 0 ? 'full' : 'ok';
  const percent = (used / limit) * 100;
  if (percent >= FULL_PERCENT) return 'full';
  return percent >= Math.min(DEFAULT_WARN_PERCENT, ...warn_at) ? 'warn' : 'ok';
}

/** Whether a request was ever counted in the windows that are open. Stock, such as the number of keys, doesn't count. */
export function hasRequests(limits: readonly Limit[]): boolean {
  return limits.some((limit) => limit.kind === 'quota' && limit.used > 0);
}
