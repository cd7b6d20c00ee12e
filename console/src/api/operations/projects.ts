import { call } from '../client';
import { collect, paging, type Listed } from '../pages';
import type { Project, ProjectPatch, ProjectRequest } from '../types';

export function listProjects(org: string, signal?: AbortSignal): Promise<Listed<Project>> {
  return collect((cursor) => call('get', '/v1/orgs/{org}/projects', { path: { org }, query: paging(cursor), signal }));
}

/** By its id or its slug. */
export function getProject(org: string, project: string, signal?: AbortSignal): Promise<Project> {
  return call('get', '/v1/orgs/{org}/projects/{project}', { path: { org, project }, signal });
}

export function createProject(org: string, body: ProjectRequest, idempotencyKey: string): Promise<Project> {
  return call('post', '/v1/orgs/{org}/projects', { path: { org }, body, idempotencyKey });
}

export function updateProject(org: string, project: string, body: ProjectPatch): Promise<Project> {
  return call('patch', '/v1/orgs/{org}/projects/{project}', { path: { org, project }, body });
}

/** For good. Its keys are revoked with it; without `revokeKeys` the server leaves a project that has some as it is. */
export async function archiveProject(org: string, project: string, revokeKeys: boolean): Promise<void> {
  await call('delete', '/v1/orgs/{org}/projects/{project}', { path: { org, project }, query: { revoke_keys: revokeKeys } });
}
