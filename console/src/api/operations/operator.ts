import { call } from '../client';
import { PAGE_SIZE, type Listed } from '../pages';
import type { OrganizationWithUsage } from '../types';

/** One page is enough: the server searches, so a longer list is narrowed rather than scrolled. */
export async function listOrganizations(q: string, signal?: AbortSignal): Promise<Listed<OrganizationWithUsage>> {
  const query = q === '' ? { limit: PAGE_SIZE } : { q, limit: PAGE_SIZE };
  const reply = await call('get', '/v1/operator/orgs', { query, signal });
  return { items: reply.items, truncated: reply.next_cursor !== null };
}
