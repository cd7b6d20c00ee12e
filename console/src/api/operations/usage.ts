import { call } from '../client';
import type { Explanation, Limits, Usage, UsageReport } from '../types';

/** The meter that the gateway writes by itself: every proxied route counts one of it unless the blueprint says otherwise. */
export const METER_OF_REQUESTS = 'requests';

export interface UsageRange {
  from: string;
  to: string;
  window: 'hour' | 'day' | 'month';
}

/** What of a meter is asked for, beside when. */
export interface UsageOf {
  meter: string;
  group_by?: string | undefined;
  project?: string | undefined;
}

export function getUsage(org: string, range: UsageRange, of: UsageOf, signal?: AbortSignal): Promise<Usage> {
  const { meter, group_by, project } = of;
  const query = { meter, ...range, ...(group_by === undefined ? {} : { group_by }), ...(project === undefined ? {} : { project }) };
  return call('get', '/v1/orgs/{org}/usage', { path: { org }, query, signal });
}

/** Of the current billing period, unless a stretch is named. */
export function getUsageReport(org: string, stretch: { from: string; to: string } | undefined, signal?: AbortSignal): Promise<UsageReport> {
  return call('get', '/v1/orgs/{org}/usage/report', { path: { org }, query: stretch ?? {}, signal });
}

export function explainRequest(org: string, request: string, signal?: AbortSignal): Promise<Explanation> {
  return call('get', '/v1/orgs/{org}/explain/{request}', { path: { org, request }, signal });
}

export function listLimits(org: string, signal?: AbortSignal): Promise<Limits> {
  return call('get', '/v1/orgs/{org}/limits', { path: { org }, signal });
}
