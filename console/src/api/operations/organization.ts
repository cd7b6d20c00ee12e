import { call } from '../client';
import type { Organization } from '../types';

export function getOrganization(org: string, signal?: AbortSignal): Promise<Organization> {
  return call('get', '/v1/orgs/{org}', { path: { org }, signal });
}

/** What the caller may do here, which is also what the caller may hand to a key. */
export async function getMyPermissions(org: string, signal?: AbortSignal): Promise<string[]> {
  return (await call('get', '/v1/orgs/{org}/access/permissions', { path: { org }, signal })).permissions;
}
