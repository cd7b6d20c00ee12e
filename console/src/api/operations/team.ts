import { call } from '../client';
import { collect, paging, type Listed } from '../pages';
import type { Invitation, InvitationRequest, Member, Role, SentInvitation, Team, TeamMember, TeamRequest, TeamRole } from '../types';

export function listMembers(org: string, signal?: AbortSignal): Promise<Listed<Member>> {
  return collect((cursor) => call('get', '/v1/orgs/{org}/members', { path: { org }, query: paging(cursor), signal }));
}

/** From their next request on. */
export function updateMember(org: string, user: string, role: string): Promise<Member> {
  return call('patch', '/v1/orgs/{org}/members/{user}', { path: { org, user }, body: { role } });
}

export async function removeMember(org: string, user: string): Promise<void> {
  await call('delete', '/v1/orgs/{org}/members/{user}', { path: { org, user } });
}

export async function listRoles(org: string, signal?: AbortSignal): Promise<Role[]> {
  return (await call('get', '/v1/orgs/{org}/roles', { path: { org }, signal })).items;
}

export function listInvitations(org: string, signal?: AbortSignal): Promise<Listed<Invitation>> {
  return collect((cursor) => call('get', '/v1/orgs/{org}/invitations', { path: { org }, query: paging(cursor), signal }));
}

export function createInvitation(org: string, body: InvitationRequest, idempotencyKey: string): Promise<SentInvitation> {
  return call('post', '/v1/orgs/{org}/invitations', { path: { org }, body, idempotencyKey });
}

/** Makes a new link; the one before is no good any more. */
export function resendInvitation(org: string, invitation: string): Promise<SentInvitation> {
  return call('post', '/v1/orgs/{org}/invitations/{invitation}/resend', { path: { org, invitation } });
}

export async function cancelInvitation(org: string, invitation: string): Promise<void> {
  await call('delete', '/v1/orgs/{org}/invitations/{invitation}', { path: { org, invitation } });
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
