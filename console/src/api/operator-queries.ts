// What the console keeps of the operator's side; everything of it hangs under ['operator'].
import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import { listAllOffers } from './operations/offers';
import { getBlueprint, getHealth, getOrganizationDetail, getOverview, getUsageOfAll, listInvoicesOf, listLimitOverrides, listOrganizations, listTestClocks, listUsers, type WantedOrganizations } from './operations/operator';
import type { UsageRange } from './operations/usage';
import type { Offer } from './types';

export const overviewQuery = queryOptions({ queryKey: ['operator', 'overview'], queryFn: ({ signal }) => getOverview(signal) });

export function operatorOrganizationsQuery(wanted: WantedOrganizations) {
  return queryOptions({
    queryKey: ['operator', 'orgs', wanted],
    queryFn: ({ signal }) => listOrganizations(wanted, signal),
    placeholderData: keepPreviousData,
  });
}
export function organizationDetailQuery(org: string) {
  return queryOptions({ queryKey: ['operator', 'org', org], queryFn: ({ signal }) => getOrganizationDetail(org, signal) });
}
export function usersQuery(q: string) {
  return queryOptions({ queryKey: ['operator', 'users', q], queryFn: ({ signal }) => listUsers(q, signal), placeholderData: keepPreviousData });
}
export function usageOfAllQuery(range: UsageRange, meter: string) {
  return queryOptions({ queryKey: ['operator', 'usage', range, meter], queryFn: ({ signal }) => getUsageOfAll(range, meter, signal), placeholderData: keepPreviousData });
}
export const testClocksQuery = queryOptions({ queryKey: ['operator', 'clocks'], queryFn: ({ signal }) => listTestClocks(signal) });

export function limitOverridesQuery(org: string) {
  return queryOptions({ queryKey: ['operator', 'org', org, 'limits'], queryFn: ({ signal }) => listLimitOverrides(org, signal) });
}
export function invoicesOfQuery(org: string) {
  return queryOptions({ queryKey: ['operator', 'org', org, 'invoices'], queryFn: ({ signal }) => listInvoicesOf(org, signal) });
}
export function allOffersQuery(status: Offer['status'] | undefined) {
  return queryOptions({ queryKey: ['operator', 'offers', status ?? 'all'], queryFn: ({ signal }) => listAllOffers(status, signal), placeholderData: keepPreviousData });
}
export const blueprintQuery = queryOptions({ queryKey: ['operator', 'blueprint'], queryFn: ({ signal }) => getBlueprint(signal) });

const HEALTH_EVERY_MS = 5_000;
export const healthQuery = queryOptions({ queryKey: ['operator', 'health'], queryFn: ({ signal }) => getHealth(signal), refetchInterval: HEALTH_EVERY_MS });
