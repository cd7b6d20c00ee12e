import { call, callFile } from '../client';
import { collect, PAGE_SIZE, paging, type Listed } from '../pages';
import { ProblemError } from '../problem';
import type { BillingProfile, ChangeRequest, Invoice, LineEvents, Preview, Profile, Subscription, When } from '../types';

export function getSubscription(org: string, signal?: AbortSignal): Promise<Subscription> {
  return call('get', '/v1/orgs/{org}/subscription', { path: { org }, signal });
}

export function allowOverage(org: string, allowed: boolean): Promise<Subscription> {
  return call('patch', '/v1/orgs/{org}/subscription', { path: { org }, body: { allows_overage: allowed } });
}

/** What a change would come to; nothing happens by it. */
export function previewChange(org: string, body: ChangeRequest, signal?: AbortSignal): Promise<Preview> {
  return call('post', '/v1/orgs/{org}/subscription/preview', { path: { org }, body, signal });
}

export function changeSubscription(org: string, body: ChangeRequest, idempotencyKey: string): Promise<Subscription> {
  return call('post', '/v1/orgs/{org}/subscription/change', { path: { org }, body, idempotencyKey });
}

export type PlainAct = 'pause' | 'resume' | 'reactivate';
export type TimedAct = 'activate' | 'cancel';

export function actOnSubscription(org: string, act: PlainAct): Promise<Subscription> {
  return call('post', `/v1/orgs/{org}/subscription/${act}`, { path: { org } });
}

export function actOnSubscriptionWhen(org: string, act: TimedAct, when: When): Promise<Subscription> {
  return call('post', `/v1/orgs/{org}/subscription/${act}`, { path: { org }, body: { when } });
}

export function listInvoices(org: string, statements: boolean, signal?: AbortSignal): Promise<Listed<Invoice>> {
  return collect((cursor) => call('get', '/v1/orgs/{org}/invoices', { path: { org }, query: { ...paging(cursor), statements }, signal }));
}

/** An invoice to print or to send. */
export function getInvoicePdf(org: string, invoice: string, language: 'en' | 'ja'): Promise<Blob> {
  return callFile('/v1/orgs/{org}/invoices/{invoice}/pdf', { path: { org, invoice }, query: { language } });
}

export function getInvoice(org: string, invoice: string, signal?: AbortSignal): Promise<Invoice> {
  return call('get', '/v1/orgs/{org}/invoices/{invoice}', { path: { org, invoice }, signal });
}

/** The next invoice as it would be if nothing more were used; null if none will come. */
export async function getUpcomingInvoice(org: string, signal?: AbortSignal): Promise<Invoice | null> {
  try {
    return await call('get', '/v1/orgs/{org}/invoices/upcoming', { path: { org }, signal });
  } catch (error) {
    if (error instanceof ProblemError && error.status === 404) return null;
    throw error;
  }
}

export function listLineEvents(org: string, invoice: string, line: number, cursor: string | null, signal?: AbortSignal): Promise<LineEvents> {
  const query = cursor === null ? { limit: PAGE_SIZE / 4 } : { limit: PAGE_SIZE / 4, cursor };
  return call('get', '/v1/orgs/{org}/invoices/{invoice}/lines/{line}/events', { path: { org, invoice, line: String(line) }, query, signal });
}

export function getBillingProfile(org: string, signal?: AbortSignal): Promise<BillingProfile> {
  return call('get', '/v1/orgs/{org}/billing-profile', { path: { org }, signal });
}

export function putBillingProfile(org: string, body: Profile): Promise<BillingProfile> {
  return call('put', '/v1/orgs/{org}/billing-profile', { path: { org }, body });
}
