import { call } from '../client';
import { collect, paging, type Listed } from '../pages';
import type { Membership, Organization, Session, User } from '../types';

export function getMe(signal?: AbortSignal): Promise<User> {
  return call('get', '/v1/me', { signal });
}

export function updateMe(body: { display_name: string }): Promise<User> {
  return call('patch', '/v1/me', { body });
}

export async function listMyOrganizations(signal?: AbortSignal): Promise<Membership[]> {
  return (await collect((cursor) => call('get', '/v1/me/organizations', { query: paging(cursor), signal }))).items;
}

/** An access token speaks for one organization; this one speaks for another. */
export function switchOrganization(organization: string): Promise<{ access_token: string; organization: Organization }> {
  return call('post', '/v1/me/switch', { body: { organization } });
}

export function listMySessions(signal?: AbortSignal): Promise<Listed<Session>> {
  return collect((cursor) => call('get', '/v1/me/sessions', { query: paging(cursor), signal }));
}

export async function endMySession(id: string): Promise<void> {
  await call('delete', '/v1/me/sessions/{id}', { path: { id } });
}
