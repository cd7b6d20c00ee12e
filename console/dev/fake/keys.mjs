import { invalid, Problem, sendJson } from './http.mjs';
import { id, keys, now, PERMISSIONS, shownKey } from './state.mjs';

export function handleKeys(request, response, { org, user, plan, body, id: keyId, act }) {
  if (keyId === undefined) {
    if (request.method === 'GET') return sendJson(response, 200, { items: [...keys.values()].filter((key) => key.org === org.slug).map(shownKey), next_cursor: null });
    return create(response, { org, user, plan, body });
  }
  const key = keys.get(keyId);
  if (key === undefined || key.org !== org.slug) throw new Problem(404, 'key.not_found', 'There is no such key.');
  if (act === 'rotate') return rotate(response, { org, user, key, body });
  if (request.method === 'DELETE') {
    Object.assign(key, { status: 'revoked', revoked_at: now() });
    return response.writeHead(204).end();
  }
  return sendJson(response, 200, shownKey(key));
}

function create(response, { org, user, plan, body }) {
  const live = [...keys.values()].filter((key) => key.org === org.slug && ['active', 'rotating'].includes(shownKey(key).status)).length;
  const limit = plan.limits.find((each) => each.key === 'api_keys').limit;
  if (limit !== null && live >= limit) throw new Problem(402, 'plan.limit_reached', `Your plan includes ${limit} API keys. Revoke one or choose a larger plan.`);
  const network = (body.allowed_networks ?? []).findIndex((each) => !/^[0-9a-f.:]+\/\d+$/.test(each));
  if (network !== -1) throw invalid([`/allowed_networks/${network}`, 'This is not a network in CIDR form, such as 203.0.113.0/24.']);
  const scope = body.scopes.findIndex((each) => !PERMISSIONS.includes(each));
  if (scope !== -1) throw invalid([`/scopes/${scope}`, 'Unknown scope.']);
  sendJson(response, 201, make(org, user, body, null));
}

function rotate(response, { org, user, key, body }) {
  Object.assign(key, body.overlap_seconds > 0 ? { status: 'rotating' } : { status: 'revoked', revoked_at: now() });
  key.ends_at = Date.now() + body.overlap_seconds * 1000;
  sendJson(response, 201, make(org, user, key, key.id));
}

function make(org, user, from, replaces) {
  const secret = `ak_${from.environment.slice(0, 4)}_${id('x').slice(2)}${id('x').slice(2)}`;
  const key = {
    id: id('ak'), org: org.slug, secret,
    name: from.name, environment: from.environment, scopes: from.scopes,
    project: null, limits: from.limits ?? {},
    allowed_networks: from.allowed_networks ?? [],
    status: 'active', created_at: now(), created_by: user.id, expires_at: from.expires_at ?? null, revoked_at: null, replaces, last_used_at: null,
  };
  keys.set(key.id, key);
  return { api_key: shownKey(key), secret };
}
