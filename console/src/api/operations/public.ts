import { call, callPublic } from '../client';
import type { AcceptRequest, Availability, InvitationOffer, LoginReply, LoginRequest, Plan, Product, SignUpRequest, SignUpReply } from '../types';

export function getProduct(signal?: AbortSignal): Promise<Product> {
  return callPublic('get', '/v1/product', { signal });
}

export async function listPlans(signal?: AbortSignal): Promise<Plan[]> {
  return (await callPublic('get', '/v1/plans', { signal })).items;
}

export function checkAvailability(slug: string, signal?: AbortSignal): Promise<Availability> {
  return callPublic('get', '/v1/signup/availability', { query: { slug }, signal });
}

export function signUp(body: SignUpRequest, idempotencyKey: string): Promise<SignUpReply> {
  return callPublic('post', '/v1/signup', { body: { ...body, client: 'browser' }, idempotencyKey });
}

export function login(body: LoginRequest): Promise<LoginReply> {
  return callPublic('post', '/v1/login', { body: { ...body, client: 'browser' } });
}

export async function logout(): Promise<void> {
  await callPublic('post', '/v1/logout', { body: {} });
}

export function lookAtInvitation(token: string, signal?: AbortSignal): Promise<InvitationOffer> {
  return callPublic('post', '/v1/invitations/look', { body: { token }, signal });
}

/** As a new person, or as one who gives their password; `asMyself` as the person who is signed in. */
export function acceptInvitation(body: AcceptRequest, asMyself: boolean): Promise<LoginReply> {
  return (asMyself ? call : callPublic)('post', '/v1/invitations/accept', { body: { ...body, client: 'browser' } });
}
