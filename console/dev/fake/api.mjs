import { invalid, Problem, readJson, sendJson } from './http.mjs';
import { handleKeys } from './keys.mjs';
import { caller, cookieOf, grant, memberOrganization, open, preferred } from './sessions.mjs';
import { addOrganization, addUser, failures, keys, membershipsOf, organizations, PERMISSIONS, plans, requestsToday, sessions, shownKey, shownOrganization, shownUser, users } from './state.mjs';

const list = (items) => ({ items, next_cursor: null });
const RESERVED = new Set(['admin', 'api', 'console', 'operator', 'www']);
const MAX_FAILURES = 5;

export async function handleApi(request, response, url) {
  const body = ['POST', 'PATCH'].includes(request.method) ? await readJson(request) : {};
  const route = `${request.method} ${url.pathname.slice(3)}`;
  switch (route) {
    case 'GET /product':
      return sendJson(response, 200, { name: 'Shopping Scraper', base_domain: null, headline_limit: 'requests_per_day', key_prefix: 'ak', sample: { method: 'GET', path: '/api/jobs' }, is_development: false });
    case 'GET /plans':
      return sendJson(response, 200, list(plans));
    case 'GET /signup/availability':
      return sendJson(response, 200, availability(url.searchParams.get('slug') ?? ''));
    case 'POST /signup':
      return signUp(request, response, body);
    case 'POST /login':
      return logIn(request, response, body);
    case 'POST /token/refresh': {
      const session = sessions.get(cookieOf(request));
      if (session === undefined) throw new Problem(401, 'session.expired', 'The session has ended.');
      return sendJson(response, 200, grant(session, preferred(session.user, body.organization)));
    }
    case 'POST /logout':
      sessions.delete(cookieOf(request));
      return response.writeHead(204, { 'set-cookie': 'insula_refresh=; Max-Age=0; Path=/v1' }).end();
  }
  const who = caller(request);
  if (url.pathname.startsWith('/v1/me')) return me(response, url, route, body, who);
  if (url.pathname.startsWith('/v1/operator/')) return operator(response, url, route, who);
  return organization(request, response, url, body, who);
}

function availability(slug) {
  if (!/^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/.test(slug)) return { slug, available: false, reason: 'invalid', suggestions: [] };
  const reason = RESERVED.has(slug) ? 'reserved' : organizations.has(slug) ? 'taken' : undefined;
  return reason === undefined ? { slug, available: true, suggestions: [] } : { slug, available: false, reason, suggestions: [`${slug}-hq`, `${slug}-team`, `${slug}-app`, `${slug}-2`] };
}

function signUp(request, response, { organization: org = {}, owner = {} }) {
  if (!availability(org.slug ?? '').available) throw new Problem(409, 'organization.slug_taken', 'That address is taken.', [{ pointer: '/organization/slug', code: 'taken', detail: 'That address is taken.' }]);
  if (users.has(owner.email)) throw new Problem(409, 'identity.email_taken', 'That e-mail address has an account.', [{ pointer: '/owner/email', code: 'taken', detail: 'That e-mail address has an account.' }]);
  if ((owner.password ?? '').length < 8) throw invalid(['/owner/password', 'Use at least 8 characters.']);
  const user = addUser(owner.email, owner.password, owner.display_name);
  const organization = addOrganization(org.name, org.slug, org.plan ?? 'free', user);
  const { session, cookie } = open(request, user);
  sendJson(response, 201, { ...grant(session, organization), user: shownUser(user) }, cookie);
}

function logIn(request, response, { email, password, organization }) {
  const failed = failures.get(email) ?? 0;
  if (failed >= MAX_FAILURES) throw new Problem(429, 'identity.locked', 'Too many attempts.', undefined, { 'retry-after': '30' });
  const user = users.get(email);
  if (user === undefined || user.password !== password) {
    failures.set(email, failed + 1);
    throw new Problem(401, 'identity.credentials_wrong', 'The e-mail address or the password is wrong.');
  }
  failures.delete(email);
  const { session, cookie } = open(request, user);
  const organizationsOf = membershipsOf(user).map((each) => ({ organization: shownOrganization(each, user), role: each.members.get(user.id) }));
  sendJson(response, 200, { ...grant(session, preferred(user, organization)), user: shownUser(user), organizations: organizationsOf }, cookie);
}

function me(response, url, route, body, { user, session }) {
  switch (route) {
    case 'GET /me':
      return sendJson(response, 200, shownUser(user));
    case 'PATCH /me':
      if (body.display_name?.length > 60) throw invalid(['/display_name', 'Use at most 60 characters.']);
      user.display_name = body.display_name;
      return sendJson(response, 200, shownUser(user));
    case 'GET /me/organizations':
      return sendJson(response, 200, list(membershipsOf(user).map((each) => ({ organization: shownOrganization(each, user), role: each.members.get(user.id) }))));
    case 'POST /me/switch':
      return sendJson(response, 200, grant(session, memberOrganization(user, body.organization)));
    case 'GET /me/sessions':
      return sendJson(response, 200, list([...sessions.values()].filter((each) => each.user === session.user).map(({ user: _user, ...each }) => ({ ...each, current: each.id === session.id }))));
  }
  for (const [refresh, each] of sessions) if (each.id === url.pathname.split('/')[4]) sessions.delete(refresh);
  response.writeHead(204).end();
}

function operator(response, url, route, { user }) {
  if (!user.is_operator) throw new Problem(403, 'access.denied', 'Only the operator may do that.');
  const q = (url.searchParams.get('q') ?? '').toLowerCase();
  const found = [...organizations.values()].filter((each) => each.name.toLowerCase().includes(q) || each.slug.includes(q));
  sendJson(response, 200, list(found.map((each) => ({ ...shownOrganization(each), usage_today: requestsToday(each) }))));
}

function organization(request, response, url, body, { user }) {
  const [, , , name, ...rest] = url.pathname.split('/');
  const org = memberOrganization(user, name);
  const what = rest.join('/');
  const plan = plans.find((each) => each.key === org.plan);
  if (rest[0] === 'api-keys') return handleKeys(request, response, { org, user, plan, body, id: rest[1], act: rest[2] });
  switch (what) {
    case '':
      return sendJson(response, 200, shownOrganization(org, user));
    case 'access/permissions':
      return sendJson(response, 200, { permissions: PERMISSIONS });
    case 'subscription':
      return sendJson(response, 200, { id: `sub_${org.id}`, plan: org.plan, plan_version: 1, status: 'active', started_at: org.created_at });
    case 'limits':
      return sendJson(response, 200, { as_of: new Date().toISOString(), items: limits(org, plan) });
    case 'usage':
      return sendJson(response, 200, usage(org, url));
  }
  throw new Problem(404, 'not_found', 'There is nothing here.');
}

function limits(org, plan) {
  const midnight = new Date(Math.ceil(Date.now() / 86_400_000) * 86_400_000).toISOString();
  const live = [...keys.values()].filter((key) => key.org === org.slug && ['active', 'rotating'].includes(shownKey(key).status)).length;
  const used = { requests_per_day: requestsToday(org), api_keys: live };
  return plan.limits.map(({ key, kind, window, limit }) => ({
    key, kind, window, limit,
    used: used[key] ?? 0,
    remaining: limit === null ? null : Math.max(0, limit - (used[key] ?? 0)),
    resets_at: window === 'day' ? midnight : null,
    warn_at: [80, 90, 100],
    headline: key === 'requests_per_day',
  }));
}

function usage(org, url) {
  const length = url.searchParams.get('window') === 'hour' ? 13 : 10;
  const counts = new Map();
  for (const at of org.requests) counts.set(at.slice(0, length), (counts.get(at.slice(0, length)) ?? 0) + 1);
  const step = length === 13 ? 3_600_000 : 86_400_000;
  const buckets = [...counts].map(([prefix, count]) => {
    const start = Date.parse(length === 13 ? `${prefix}:00:00Z` : `${prefix}T00:00:00Z`);
    return { start: new Date(start).toISOString(), end: new Date(start + step).toISOString(), group: {}, value: String(count) };
  });
  return { meter: url.searchParams.get('meter') ?? 'requests', unit: 'request', as_of: new Date().toISOString(), buckets };
}
