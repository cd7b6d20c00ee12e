import { sendJson, Problem } from './http.mjs';
import { findOrganization, keys, now, plans, requestsToday, shownKey } from './state.mjs';

/** Any other path: a proxied route, for whoever shows a key that works. */
export function handleGateway(request, response, url) {
  const secret = (request.headers.authorization ?? '').replace(/^Bearer /, '') || request.headers['x-api-key'];
  const key = [...keys.values()].find((each) => each.secret === secret);
  if (key === undefined || !['active', 'rotating'].includes(shownKey(key).status)) throw new Problem(401, 'access.key_invalid', 'The API key is not valid.');
  const organization = findOrganization(key.org);
  const limit = plans.find((plan) => plan.key === organization.plan).limits[0].limit;
  if (requestsToday(organization) >= limit) throw new Problem(429, 'quota.exhausted', 'The requests of today are used up.', undefined, { 'retry-after': '3600' });
  organization.requests.push(now());
  key.last_used_at = now();
  sendJson(response, 200, { path: url.pathname }, { 'x-org-id': organization.id, 'x-quota-remaining': String(limit - requestsToday(organization)) });
}
