import { call } from '../client';
import { collect, paging, type Listed } from '../pages';
import type { Offer, OfferQuote, Subscription, When } from '../types';

export function listOffers(org: string, signal?: AbortSignal): Promise<Listed<Offer>> {
  return collect((cursor) => call('get', '/v1/orgs/{org}/offers', { path: { org }, query: paging(cursor), signal }));
}

export function requestOffer(org: string, body: { plan: string; message: string }, idempotencyKey: string): Promise<Offer> {
  return call('post', '/v1/orgs/{org}/offers', { path: { org }, body, idempotencyKey });
}

/** Puts the organization on what was offered. */
export async function acceptOffer(org: string, offer: string, when: When, idempotencyKey: string): Promise<Subscription> {
  return (await call('post', '/v1/orgs/{org}/offers/{offer}/accept', { path: { org, offer }, body: { when }, idempotencyKey })).subscription;
}

export function declineOffer(org: string, offer: string): Promise<Offer> {
  return call('post', '/v1/orgs/{org}/offers/{offer}/decline', { path: { org, offer } });
}

export function listAllOffers(status: Offer['status'] | undefined, signal?: AbortSignal): Promise<Listed<Offer>> {
  return collect((cursor) => call('get', '/v1/operator/offers', { query: { ...paging(cursor), ...(status === undefined ? {} : { status }) }, signal }));
}

export function quoteOffer(offer: string, quote: OfferQuote): Promise<Offer> {
  return call('post', '/v1/operator/offers/{offer}/quote', { path: { offer }, body: quote });
}

export function withdrawOffer(offer: string): Promise<Offer> {
  return call('post', '/v1/operator/offers/{offer}/withdraw', { path: { offer } });
}
