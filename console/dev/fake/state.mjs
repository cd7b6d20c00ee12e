// Everything the fake server knows, and the rules it follows. Starts with one operator.
import { randomBytes } from 'node:crypto';

export const OPERATOR = {
  email: process.env.INSULA_OPERATOR_EMAIL ?? 'operator@example.com',
  password: process.env.INSULA_OPERATOR_PASSWORD ?? 'correct horse battery staple',
};

export const users = new Map();
export const organizations = new Map();
export const sessions = new Map();
export const accessTokens = new Map();
export const keys = new Map();
export const failures = new Map();

export const plans = [
  plan('free', 'Free', '0', 100, 2, true),
  plan('pro', 'Pro', '29.00', 1000, 10, false),
  plan('enterprise', 'Enterprise', '299.00', 10000, null, false),
];

function plan(key, name, amount, perDay, apiKeys, isDefault) {
  return {
    key,
    name,
    description: null,
    version: 1,
    self_service: true,
    prices: [
      { interval: 'month', price: { amount, currency: 'USD' } },
      ...(amount === '0' ? [] : [{ interval: 'year', price: { amount: String(Number(amount) * 10), currency: 'USD' } }]),
    ],
    limits: [
      { key: 'requests_per_day', window: 'day', kind: 'quota', limit: perDay },
      { key: 'requests_per_second', window: 'second', kind: 'rate', limit: 10 },
      { key: 'api_keys', window: null, kind: 'stock', limit: apiKeys },
      { key: 'projects', window: null, kind: 'stock', limit: key === 'free' ? 1 : null },
    ],
    features: { support: key === 'free' ? 'community' : 'e-mail' },
    seats: null,
    minimum: [],
    usage: [],
    overage: [],
    addons: [],
    trial: null,
    is_default: isDefault,
  };
}

export const PERMISSIONS = [
  'org:read', 'org:update', 'members:read', 'keys:read', 'keys:manage', 'usage:read', 'billing:read',
  'scraping:create', 'scraping:read', 'scraping:cancel',
];

export const id = (prefix) => `${prefix}_${randomBytes(10).toString('hex')}`;
export const now = () => new Date().toISOString();

export function addUser(email, password, displayName, isOperator = false) {
  const user = { id: id('usr'), email, password, display_name: displayName, is_operator: isOperator, created_at: now(), last_sign_in_at: null };
  users.set(email, user);
  return user;
}

export function addOrganization(name, slug, planKey, owner) {
  const organization = { id: id('org'), name, slug, status: 'active', plan: planKey, created_at: now(), updated_at: now(), members: new Map([[owner.id, 'owner']]), requests: [] };
  organizations.set(slug, organization);
  return organization;
}

export function shownUser({ password: _password, ...user }) {
  return user;
}

export function shownOrganization({ members, requests: _requests, ...organization }, user) {
  const role = user === undefined ? undefined : members.get(user.id);
  return role === undefined ? organization : { ...organization, role };
}

export function membershipsOf(user) {
  return [...organizations.values()].filter((each) => each.members.has(user.id));
}

export function findOrganization(name) {
  return [...organizations.values()].find((each) => each.slug === name || each.id === name);
}

export function shownKey({ secret: _secret, org: _org, ends_at, ...key }) {
  const ended = ends_at !== undefined && ends_at <= Date.now();
  const expired = key.expires_at !== null && Date.parse(key.expires_at) <= Date.now();
  return { ...key, status: key.status === 'revoked' || ended ? 'revoked' : expired ? 'expired' : key.status };
}

export function requestsToday(organization) {
  const day = now().slice(0, 10);
  return organization.requests.filter((at) => at.slice(0, 10) === day).length;
}

addUser(OPERATOR.email, OPERATOR.password, 'Olivia Operator', true);
