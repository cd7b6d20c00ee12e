import { call } from '../client';
import { PAGE_SIZE, type Listed } from '../pages';
import type { Invoice, Money, OrganizationWithUsage } from '../types';

/** One page is enough: the server searches, so a longer list is narrowed rather than scrolled. */
export async function listOrganizations(q: string, signal?: AbortSignal): Promise<Listed<OrganizationWithUsage>> {
  const query = q === '' ? { limit: PAGE_SIZE } : { q, limit: PAGE_SIZE };
  const reply = await call('get', '/v1/operator/orgs', { query, signal });
  return { items: reply.items, truncated: reply.next_cursor !== null };
}

/** Moves the clock of an organization that has a test clock. Says where it stands then. */
export async function advanceClock(org: string, to: string): Promise<string> {
  return (await call('post', '/v1/operator/clock', { body: { org, advance_to: to } })).now;
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
