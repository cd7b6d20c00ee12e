import { call } from '../client';
import { collect, paging, type Listed } from '../pages';
import type { ApiKey, CreatedApiKey, ApiKeyRequest } from '../types';

/** All of the organization's, or those of one project. */
export function listApiKeys(org: string, project: string | undefined, signal?: AbortSignal): Promise<Listed<ApiKey>> {
  return collect((cursor) => call('get', '/v1/orgs/{org}/api-keys', { path: { org }, query: { ...paging(cursor), ...(project === undefined ? {} : { project }) }, signal }));
}

export function createApiKey(org: string, body: ApiKeyRequest, idempotencyKey: string): Promise<CreatedApiKey> {
  return call('post', '/v1/orgs/{org}/api-keys', { path: { org }, body, idempotencyKey });
}

export function rotateApiKey(org: string, id: string, overlapSeconds: number, idempotencyKey: string): Promise<CreatedApiKey> {
  return call('post', '/v1/orgs/{org}/api-keys/{id}/rotate', { path: { org, id }, body: { overlap_seconds: overlapSeconds }, idempotencyKey });
}

export async function revokeApiKey(org: string, id: string): Promise<void> {
  await call('delete', '/v1/orgs/{org}/api-keys/{id}', { path: { org, id } });
}
