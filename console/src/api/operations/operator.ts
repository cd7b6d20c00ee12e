import { call } from '../client';
import { collect, PAGE_SIZE, paging, type Listed } from '../pages';
import type { BlueprintEffects, BlueprintInForce, BlueprintReply, Checked, Invoice, LimitOverride, Money, Organization, OrganizationWithUsage, OverrideBody, PlatformHealth, TestClock } from '../types';

/** One page is enough: the server searches, so a longer list is narrowed rather than scrolled. */
export async function listOrganizations(q: string, signal?: AbortSignal): Promise<Listed<OrganizationWithUsage>> {
  const query = q === '' ? { limit: PAGE_SIZE } : { q, limit: PAGE_SIZE };
  const reply = await call('get', '/v1/operator/orgs', { query, signal });
  return { items: reply.items, truncated: reply.next_cursor !== null };
}

export type Standing = 'suspend' | 'reactivate';

/** Takes an organization out of service, or puts it back; at once. */
export function changeStanding(org: string, standing: Standing, reason: string): Promise<Organization> {
  return call('post', `/v1/operator/orgs/{org}/${standing}`, { path: { org }, body: { reason } });
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
