// Names and freshness of what the console keeps of the server's state. Everything of an organization hangs under
// ['org', slug], so that one call invalidates it.
import { infiniteQueryOptions, keepPreviousData, queryOptions } from '@tanstack/react-query';
import { getBillingProfile, getInvoice, getSubscription, getUpcomingInvoice, listInvoices, listLineEvents } from './operations/billing';
import { listApiKeys } from './operations/keys';
import { getMe, listMyOrganizations, listMySessions } from './operations/me';
import { listOffers } from './operations/offers';
import { getMyPermissions, getOrganization } from './operations/organization';
import { getProject, listProjects } from './operations/projects';
import { checkAvailability, getProduct, listPlans, lookAtInvitation } from './operations/public';
import { listInvitations, listMembers, listRoles, listTeamMembers, listTeams } from './operations/team';
import { explainRequest, getUsage, getUsageReport, listLimits, METER_OF_REQUESTS, type UsageOf, type UsageRange } from './operations/usage';

const RARELY_CHANGES_MS = 5 * 60_000;

export const productQuery = queryOptions({ queryKey: ['product'], queryFn: ({ signal }) => getProduct(signal), staleTime: RARELY_CHANGES_MS });
export const plansQuery = queryOptions({ queryKey: ['plans'], queryFn: ({ signal }) => listPlans(signal), staleTime: RARELY_CHANGES_MS });

export function availabilityQuery(slug: string) {
  return queryOptions({ queryKey: ['availability', slug], queryFn: ({ signal }) => checkAvailability(slug, signal), enabled: slug !== '', retry: false });
}

export const meQuery = queryOptions({ queryKey: ['me'], queryFn: ({ signal }) => getMe(signal), staleTime: RARELY_CHANGES_MS });
export const myOrganizationsQuery = queryOptions({
  queryKey: ['me', 'organizations'],
  queryFn: ({ signal }) => listMyOrganizations(signal),
  staleTime: RARELY_CHANGES_MS,
});
export const mySessionsQuery = queryOptions({ queryKey: ['me', 'sessions'], queryFn: ({ signal }) => listMySessions(signal) });

export function organizationQuery(org: string) {
  return queryOptions({ queryKey: ['org', org], queryFn: ({ signal }) => getOrganization(org, signal), staleTime: 60_000 });
}
/** Named so that one call invalidates all of them: `['org', org, 'api-keys']`. */
export function apiKeysQuery(org: string, project?: string) {
  const queryKey = project === undefined ? ['org', org, 'api-keys'] : ['org', org, 'api-keys', { project }];
  return queryOptions({ queryKey, queryFn: ({ signal }) => listApiKeys(org, project, signal) });
}
export function projectsQuery(org: string) {
  return queryOptions({ queryKey: ['org', org, 'projects'], queryFn: ({ signal }) => listProjects(org, signal) });
}
export function projectQuery(org: string, project: string) {
  return queryOptions({ queryKey: ['org', org, 'projects', project], queryFn: ({ signal }) => getProject(org, project, signal) });
}
export function membersQuery(org: string) {
  return queryOptions({ queryKey: ['org', org, 'members'], queryFn: ({ signal }) => listMembers(org, signal) });
}
export function rolesQuery(org: string) {
  return queryOptions({ queryKey: ['org', org, 'roles'], queryFn: ({ signal }) => listRoles(org, signal), staleTime: RARELY_CHANGES_MS });
}
export function invitationsQuery(org: string) {
  return queryOptions({ queryKey: ['org', org, 'invitations'], queryFn: ({ signal }) => listInvitations(org, signal) });
}
/** Seen without an account: its token is all that one has. */
export function invitationOfferQuery(token: string) {
  return queryOptions({ queryKey: ['invitation', token], queryFn: ({ signal }) => lookAtInvitation(token, signal), retry: false, gcTime: 0 });
}
export function teamsQuery(org: string) {
  return queryOptions({ queryKey: ['org', org, 'teams'], queryFn: ({ signal }) => listTeams(org, signal) });
}
export function teamMembersQuery(org: string, team: string) {
  return queryOptions({ queryKey: ['org', org, 'teams', team, 'members'], queryFn: ({ signal }) => listTeamMembers(org, team, signal) });
}
export function permissionsQuery(org: string) {
  return queryOptions({ queryKey: ['org', org, 'permissions'], queryFn: ({ signal }) => getMyPermissions(org, signal), staleTime: 60_000 });
}
export function limitsQuery(org: string) {
  return queryOptions({ queryKey: ['org', org, 'limits'], queryFn: ({ signal }) => listLimits(org, signal) });
}
export function usageQuery(org: string, range: UsageRange, of: UsageOf = { meter: METER_OF_REQUESTS }) {
  return queryOptions({
    queryKey: ['org', org, 'usage', range, of],
    queryFn: ({ signal }) => getUsage(org, range, of, signal),
    placeholderData: keepPreviousData,
  });
}
export function usageReportQuery(org: string, stretch?: { from: string; to: string }) {
  return queryOptions({
    queryKey: ['org', org, 'usage', 'report', stretch ?? 'billing-period'],
    queryFn: ({ signal }) => getUsageReport(org, stretch, signal),
    placeholderData: keepPreviousData,
  });
}
/** A request that has ended isn't explained otherwise later, but one that is under way is. */
export function explanationQuery(org: string, request: string) {
  return queryOptions({ queryKey: ['org', org, 'explain', request], queryFn: ({ signal }) => explainRequest(org, request, signal), retry: false });
}
export function subscriptionQuery(org: string) {
  return queryOptions({ queryKey: ['org', org, 'subscription'], queryFn: ({ signal }) => getSubscription(org, signal), staleTime: 60_000 });
}
export function invoicesQuery(org: string, statements: boolean) {
  return queryOptions({
    queryKey: ['org', org, 'invoices', { statements }],
    queryFn: ({ signal }) => listInvoices(org, statements, signal),
    placeholderData: keepPreviousData,
  });
}
export function upcomingInvoiceQuery(org: string) {
  return queryOptions({ queryKey: ['org', org, 'invoices', 'upcoming'], queryFn: ({ signal }) => getUpcomingInvoice(org, signal) });
}
export function invoiceQuery(org: string, invoice: string) {
  return queryOptions({ queryKey: ['org', org, 'invoices', 'one', invoice], queryFn: ({ signal }) => getInvoice(org, invoice, signal) });
}
/** The events behind a line of an invoice that is final never change. */
export function lineEventsQuery(org: string, invoice: string, line: number) {
  return infiniteQueryOptions({
    queryKey: ['org', org, 'invoices', 'one', invoice, 'lines', line],
    queryFn: ({ signal, pageParam }) => listLineEvents(org, invoice, line, pageParam, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    staleTime: RARELY_CHANGES_MS,
  });
}
export function billingProfileQuery(org: string) {
  return queryOptions({ queryKey: ['org', org, 'billing-profile'], queryFn: ({ signal }) => getBillingProfile(org, signal) });
}

export function offersQuery(org: string) {
  return queryOptions({ queryKey: ['org', org, 'offers'], queryFn: ({ signal }) => listOffers(org, signal) });
}
