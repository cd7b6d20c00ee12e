import { call } from '../client';
import { collect, paging, type Listed } from '../pages';
import type { Member, Team, TeamMember, TeamRequest, TeamRole } from '../types';

export function listMembers(org: string, signal?: AbortSignal): Promise<Listed<Member>> {
  return collect((cursor) => call('get', '/v1/orgs/{org}/members', { path: { org }, query: paging(cursor), signal }));
}

export function listTeams(org: string, signal?: AbortSignal): Promise<Listed<Team>> {
  return collect((cursor) => call('get', '/v1/orgs/{org}/teams', { path: { org }, query: paging(cursor), signal }));
}

export function createTeam(org: string, body: TeamRequest, idempotencyKey: string): Promise<Team> {
  return call('post', '/v1/orgs/{org}/teams', { path: { org }, body, idempotencyKey });
}

export function updateTeam(org: string, team: string, body: TeamRequest): Promise<Team> {
  return call('patch', '/v1/orgs/{org}/teams/{team}', { path: { org, team }, body });
}

export async function deleteTeam(org: string, team: string): Promise<void> {
  await call('delete', '/v1/orgs/{org}/teams/{team}', { path: { org, team } });
}

export function listTeamMembers(org: string, team: string, signal?: AbortSignal): Promise<Listed<TeamMember>> {
  return collect((cursor) => call('get', '/v1/orgs/{org}/teams/{team}/members', { path: { org, team }, query: paging(cursor), signal }));
}

export function putTeamMember(org: string, team: string, user: string, role: TeamRole): Promise<TeamMember> {
  return call('put', '/v1/orgs/{org}/teams/{team}/members/{user}', { path: { org, team, user }, body: { role } });
}

export async function removeTeamMember(org: string, team: string, user: string): Promise<void> {
  await call('delete', '/v1/orgs/{org}/teams/{team}/members/{user}', { path: { org, team, user } });
}
