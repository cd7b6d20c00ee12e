import { Problem } from './http.mjs';
import { accessTokens, findOrganization, id, membershipsOf, now, sessions, shownOrganization, users } from './state.mjs';

const SECONDS = 600;

export function cookieOf(request) {
  return /insula_refresh=(\w+)/.exec(request.headers.cookie ?? '')?.[1];
}

export function grant(session, organization) {
  const token = id('at');
  accessTokens.set(token, { session, organization });
  session.last_used_at = now();
  return { access_token: token, expires_in: SECONDS, organization: organization === undefined ? null : shownOrganization(organization, session.user) };
}

export function open(request, user) {
  user.last_sign_in_at = now();
  const session = { id: id('ses'), user, created_at: now(), last_used_at: now(), expires_at: new Date(Date.now() + 30 * 86_400_000).toISOString(), user_agent: request.headers['user-agent'] ?? null, address: '127.0.0.1' };
  const refresh = id('rt');
  sessions.set(refresh, session);
  return { session, cookie: { 'set-cookie': `insula_refresh=${refresh}; HttpOnly; SameSite=Strict; Path=/v1` } };
}

export function caller(request) {
  const token = (request.headers.authorization ?? '').replace(/^Bearer /, '');
  const found = accessTokens.get(token);
  if (found === undefined || ![...sessions.values()].includes(found.session)) throw new Problem(401, 'access.unauthenticated', 'This needs an access token or an API key.');
  return { ...found, user: users.get(found.session.user.email) };
}

export function memberOrganization(user, name) {
  const organization = findOrganization(name);
  if (organization === undefined || !organization.members.has(user.id)) throw new Problem(404, 'organization.not_found', 'There is no such organization, or it is not yours to see.');
  return organization;
}

export function preferred(user, name) {
  if (name !== undefined) return memberOrganization(user, name);
  return membershipsOf(user)[0];
}
