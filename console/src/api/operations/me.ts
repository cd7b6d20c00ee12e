import { call } from '../client';
import type { Membership, Session, TokenReply, User } from '../types';

export function getMe(signal?: AbortSignal): Promise<User> {
  return call('get', '/v1/me', { signal });
}

export function updateMe(body: { display_name: string }): Promise<User> {
  return call('patch', '/v1/me', { body });
}

export async function listMyOrganizations(signal?: AbortSignal): Promise<Membership[]> {
  return (await call('get', '/v1/me/organizations', { signal })).items;
}

/** An access token speaks for one organization; this one speaks for another. */
export function switchOrganization(organization: string): Promise<TokenReply> {
  return call('post', '/v1/me/switch', { body: { organization } });
}

export async function listMySessions(signal?: AbortSignal): Promise<Session[]> {
  return (await call('get', '/v1/me/sessions', { signal })).items;
}

export async function endMySession(id: string): Promise<void> {
  await call('delete', '/v1/me/sessions/{id}', { path: { id } });
}
