// One organization with one owner, as the API would tell of them.
import type { ApiKey, Limits, Organization, Plan, Product, User } from '../api/types';
import { ok, type Answer, type Asked } from './network';

const AT = '2026-01-02T03:04:05Z';

export const acme: Organization = { id: 'org_1', name: 'Acme', slug: 'acme', status: 'active', plan: 'free', role: 'owner', created_at: AT, updated_at: AT };
export const aiko: User = { id: 'usr_1', email: 'aiko@example.com', display_name: 'Aiko', is_operator: false, created_at: AT, last_sign_in_at: null };
export const product: Product = { name: 'Scraper', base_domain: null, headline_limit: 'requests_per_day', key_prefix: 'ak', sample: { method: 'GET', path: '/api/jobs' }, is_development: false };
export const free: Plan = {
  key: 'free',
  name: 'Free',
  description: null,
  version: 1,
  self_service: true,
  prices: [{ interval: 'month', price: { amount: '0', currency: 'USD' } }],
  seats: null,
  minimum: [],
  limits: [{ key: 'requests_per_day', window: 'day', kind: 'quota', limit: 100 }],
  usage: [],
  overage: [],
  addons: [],
  features: {},
  trial: null,
  is_default: true,
};

export function apiKey(over: Partial<ApiKey> = {}): ApiKey {
  return {
    id: 'ak_1',
    name: 'Crawler',
    environment: 'development',
    scopes: ['scraping:read'],
    project: null,
    limits: {},
    allowed_networks: [],
    status: 'active',
    created_at: AT,
    created_by: aiko.id,
    expires_at: null,
    revoked_at: null,
    replaces: null,
    last_used_at: null,
    ...over,
  };
}

export function limits(used: number): Limits {
  return {
    as_of: AT,
    items: [{ key: 'requests_per_day', kind: 'quota', window: 'day', meter: 'requests', per: 'organization', on_exceed: 'reject', used, limit: 100, remaining: 100 - used, resets_at: null, warn_at: [80, 90, 100], busiest: null, headline: true }],
  };
}

export const list = (items: unknown[]): Answer => ok({ items, next_cursor: null });
export const granted = { access_token: 'at_1', expires_in: 600, organization: acme };

type Handlers = Record<string, (asked: Asked) => Answer | Promise<Answer>>;

/** What every page behind the sign-in asks, for an organization without keys and requests. */
export const quiet: Handlers = {
  'GET /v1/product': () => ok(product),
  'GET /v1/plans': () => list([free]),
  'GET /v1/me': () => ok(aiko),
  'GET /v1/me/organizations': () => list([{ organization: acme, role: 'owner' }]),
  'GET /v1/me/sessions': () => list([]),
  'GET /v1/orgs/acme/api-keys': () => list([]),
  'GET /v1/orgs/acme/limits': () => ok(limits(0)),
  'GET /v1/orgs/acme/usage': () => ok({ meter: 'requests', unit: 'request', as_of: AT, buckets: [] }),
  'GET /v1/orgs/acme/subscription': () => ok({ id: 'sub_1', plan: 'free', plan_version: 1, status: 'active', started_at: AT }),
  'GET /v1/orgs/acme/access/permissions': () => ok({ permissions: ['scraping:create', 'scraping:read', 'keys:read'] }),
};
