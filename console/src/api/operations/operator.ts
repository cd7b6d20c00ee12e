import { call } from '../client';
import { collect, PAGE_SIZE, paging, type Listed } from '../pages';
import type { BlueprintEffects, BlueprintInForce, BlueprintReply, Checked, CreatedOrganization, Invoice, LimitOverride, Money, Organization, OrganizationDetail, OrganizationPatch, OrganizationRequest, OrganizationWithUsage, OverrideBody, Overview, PlatformHealth, Revoked, RevokeRequest, SentOwnerInvitation, TestClock, UsageOfAll, UserWithMemberships } from '../types';
import type { UsageRange } from './usage';

export interface WantedOrganizations {
  q: string;
  status?: Organization['status'] | undefined;
  plan?: string | undefined;
}

/** One page is enough: the server searches, so a longer list is narrowed rather than scrolled. */
export async function listOrganizations({ q, status, plan }: WantedOrganizations, signal?: AbortSignal): Promise<Listed<OrganizationWithUsage>> {
  const query = { limit: PAGE_SIZE, ...(q === '' ? {} : { q }), ...(status === undefined ? {} : { status }), ...(plan === undefined ? {} : { plan }) };
  const reply = await call('get', '/v1/operator/orgs', { query, signal });
  return { items: reply.items, truncated: reply.next_cursor !== null };
}

export function getOrganizationDetail(org: string, signal?: AbortSignal): Promise<OrganizationDetail> {
  return call('get', '/v1/operator/orgs/{org}', { path: { org }, signal });
}

/** Its owner gets a link, which is in the answer and nowhere else. */
export function createOrganization(body: OrganizationRequest, idempotencyKey: string): Promise<CreatedOrganization> {
  return call('post', '/v1/operator/orgs', { body, idempotencyKey });
}

/** Changes its name, its address or its plan, at once; what isn't named stays. */
export function changeOrganization(org: string, patch: OrganizationPatch): Promise<Organization> {
  return call('patch', '/v1/operator/orgs/{org}', { path: { org }, body: patch });
}

/** The link is in the answer and nowhere else. One that this address was sent before ends. */
export function inviteOwner(org: string, email: string, idempotencyKey: string): Promise<SentOwnerInvitation> {
  return call('post', '/v1/operator/orgs/{org}/invitations', { path: { org }, body: { email }, idempotencyKey });
}

/** As many organizations as the server tells apart at once. */
export const MOST_ORGANIZATIONS = 200;

/** What all organizations used of a meter, and which of them most. */
export function getUsageOfAll(range: UsageRange, meter: string, signal?: AbortSignal): Promise<UsageOfAll> {
  return call('get', '/v1/operator/usage', { query: { ...range, meter, group_by: 'org', limit: MOST_ORGANIZATIONS }, signal });
}

export type Standing = 'suspend' | 'reactivate' | 'deactivate';

/** Takes an organization out of service, puts it back, or closes it; at once. */
export function changeStanding(org: string, standing: Standing, reason: string): Promise<Organization> {
  if (standing === 'deactivate') return call('delete', '/v1/operator/orgs/{org}', { path: { org }, query: { reason } });
  return call('post', `/v1/operator/orgs/{org}/${standing}`, { path: { org }, body: { reason } });
}

export function getOverview(signal?: AbortSignal): Promise<Overview> {
  return call('get', '/v1/operator/overview', { signal });
}

export async function listUsers(q: string, signal?: AbortSignal): Promise<Listed<UserWithMemberships>> {
  const reply = await call('get', '/v1/operator/users', { query: { limit: PAGE_SIZE, ...(q === '' ? {} : { q }) }, signal });
  return { items: reply.items, truncated: reply.next_cursor !== null };
}

/** Revokes keys wherever they are; a dry run only says which. */
export function revokeKeys(body: RevokeRequest): Promise<Revoked> {
  return call('post', '/v1/operator/api-keys/revoke', { body });
}

export function listLimitOverrides(org: string, signal?: AbortSignal): Promise<Listed<LimitOverride>> {
  return collect(() => call('get', '/v1/operator/orgs/{org}/limits', { path: { org }, signal }));
}

/** How far a limit goes for an organization alone; unlimited if `bound` is null. */
export function overrideLimit(org: string, body: OverrideBody): Promise<LimitOverride> {
  return call('post', '/v1/operator/orgs/{org}/limits', { path: { org }, body });
}

export async function removeLimitOverride(org: string, limit: string): Promise<void> {
  await call('delete', '/v1/operator/orgs/{org}/limits/{limit}', { path: { org, limit } });
}

/** The organizations whose time can be moved, and where it stands. */
export function listTestClocks(signal?: AbortSignal): Promise<Listed<TestClock>> {
  return collect((cursor) => call('get', '/v1/operator/clock', { query: paging(cursor), signal }));
}

/** Moves the clock of an organization that has a test clock. Says where it stands then. */
export async function advanceClock(org: string, to: string): Promise<string> {
  return (await call('post', '/v1/operator/clock', { body: { org, advance_to: to } })).now;
}

export function listInvoicesOf(org: string, signal?: AbortSignal): Promise<Listed<Invoice>> {
  return collect((cursor) => call('get', '/v1/operator/orgs/{org}/invoices', { path: { org }, query: paging(cursor), signal }));
}

export type InvoiceAct = 'pay' | 'void' | 'credit';

/** Notes that an invoice was paid, withdraws it, or gives back a part of it. */
export function actOnInvoice(org: string, invoice: string, act: InvoiceAct, credit: { amount: Money; reason: string } | undefined): Promise<Invoice> {
  const path = { org, invoice };
  if (credit !== undefined) return call('post', '/v1/operator/orgs/{org}/invoices/{invoice}/credit-notes', { path, body: credit });
  return call('post', act === 'void' ? '/v1/operator/orgs/{org}/invoices/{invoice}/void' : '/v1/operator/orgs/{org}/invoices/{invoice}/pay', { path });
}

/** Adds something to the next invoice of an organization, or makes an invoice of it; null if it waits for the next one. */
export async function addInvoiceItem(org: string, item: { description: string; amount: Money; invoice_now: boolean }): Promise<Invoice | null> {
  return (await call('post', '/v1/operator/orgs/{org}/invoice-items', { path: { org }, body: item })).invoice;
}

export function getBlueprint(signal?: AbortSignal): Promise<BlueprintInForce> {
  return call('get', '/v1/operator/blueprint', { signal });
}

/** What another blueprint would change; nothing happens by it. */
export function planBlueprint(source: string): Promise<BlueprintEffects> {
  return call('post', '/v1/operator/blueprint/plan', { body: { source } });
}

export function applyBlueprint(source: string): Promise<BlueprintReply> {
  return call('post', '/v1/operator/blueprint', { body: { source } });
}

export function getHealth(signal?: AbortSignal): Promise<PlatformHealth> {
  return call('get', '/v1/operator/health', { signal });
}

/** Computes every sum of some days once more; of yesterday and today, unless a stretch is named. */
export function checkLedger(stretch: { from: string; to: string } | undefined, signal?: AbortSignal): Promise<Checked> {
  return call('get', '/v1/operator/ledger/check', { query: stretch ?? {}, signal });
}
