import { call } from '../client';
import type { Limits, Usage } from '../types';

/** The meter that the gateway writes by itself: every proxied route counts one of it unless the blueprint says otherwise. */
const METER_OF_REQUESTS = 'requests';

export interface UsageRange {
  from: string;
  to: string;
  window: 'hour' | 'day';
}

export function getUsage(org: string, range: UsageRange, signal?: AbortSignal): Promise<Usage> {
  return call('get', '/v1/orgs/{org}/usage', { path: { org }, query: { meter: METER_OF_REQUESTS, ...range }, signal });
}

export function listLimits(org: string, signal?: AbortSignal): Promise<Limits> {
  return call('get', '/v1/orgs/{org}/limits', { path: { org }, signal });
}
