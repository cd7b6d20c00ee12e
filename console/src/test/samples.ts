// One organization with one owner, as the API would tell of them.
import type { ApiKey, Explanation, Invoice, InvoiceLine, Limits, Organization, Plan, Product, Project, Subscription, UsageReport, User } from '../api/types';
import { ok, problem, type Answer, type Asked } from './network';

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

export const pro: Plan = { ...free, key: 'pro', name: 'Pro', prices: [{ interval: 'month', price: { amount: '29.00', currency: 'USD' } }], is_default: false };

export function subscription(over: Partial<Subscription> = {}): Subscription {
  return {
    id: 'sub_1',
    plan: 'free',
    plan_version: 1,
    status: 'active',
    currency: 'USD',
    interval: 'month',
    seats: 1,
    add_ons: {},
    period: { start: '2026-01-01T00:00:00Z', end: '2026-02-01T00:00:00Z' },
    time_zone: 'UTC',
    trial_end: null,
    pays: false,
    past_due_since: null,
    paused_at: null,
    cancel_at: null,
    canceled_at: null,
    pending: null,
    allows_overage: false,
    test_clock: null,
    started_at: AT,
    ...over,
  };
}

export const usd = (amount: string) => ({ amount, currency: 'USD' });

export function line(over: Partial<InvoiceLine> = {}): InvoiceLine {
  return {
    position: 1,
    kind: 'charge',
    item: 'plan:pro',
    version: 1,
    description: 'Pro, per month',
    period: { start: '2026-01-11T00:00:00Z', end: '2026-02-01T00:00:00Z' },
    quantity: '1',
    amount: usd('19.65'),
    meter: null,
    events: null,
    digest: null,
    work: { unit: usd('29.00'), quantity: '1', whole: usd('29.00'), share: '21/31', counted: [1_814_400, 2_678_400] },
    ...over,
  };
}

export function invoice(over: Partial<Invoice> = {}): Invoice {
  return {
    id: 'inv_1',
    kind: 'invoice',
    status: 'open',
    number: 'INV-000001',
    reason: 'change',
    created_at: '2026-01-11T00:00:00Z',
    usage_period: null,
    finalize_at: '2026-01-11T00:00:00Z',
    finalized_at: '2026-01-11T00:00:00Z',
    due_at: '2026-01-25T00:00:00Z',
    paid_at: null,
    voided_at: null,
    subtotal: usd('19.65'),
    taxes: [],
    total: usd('19.65'),
    balance_used: usd('0.00'),
    credited: usd('0.00'),
    due: usd('19.65'),
    seller: { name: 'Scraper Inc.' },
    customer: null,
    lines: [line()],
    credit_notes: [],
    ...over,
  };
}

export function project(over: Partial<Project> = {}): Project {
  return { id: 'prj_1', name: 'Price watch', slug: 'price-watch', status: 'active', team: null, created_at: AT, updated_at: AT, ...over };
}

const nothing = { items: [], other: null };
export const report: UsageReport = {
  as_of: AT,
  period: { start: '2026-01-01T00:00:00Z', end: AT },
  previous: { start: '2025-12-30T00:00:00Z', end: '2026-01-01T00:00:00Z' },
  billing_period: { start: '2026-01-01T00:00:00Z', end: '2026-02-01T00:00:00Z' },
  currency: 'USD',
  cost: { exact: '0.335', amount: usd('0.34') },
  meters: [
    {
      meter: 'pages',
      unit: 'page',
      aggregate: 'sum',
      quantity: '270',
      previous: '200',
      trend: '35',
      unit_cost: '0.001',
      cost: { exact: '0.27', amount: usd('0.27') },
      days: [],
      breakdown: { operation: nothing, project: nothing, key: nothing },
    },
  ],
  operations: [],
  retained_from: '2025-01-01T00:00:00Z',
  recommendations: [{ code: 'limit.projected', subject: 'requests_per_day', text: 'Take a plan on which it goes further.', figures: {} }],
};

export const explanation: Explanation = {
  request: 'req_1',
  decision: 'refused',
  at: AT,
  route: 'POST /api/jobs',
  key: 'ak_1',
  user: null,
  project: null,
  blueprint: null,
  status: 429,
  outcome: 'quota.exhausted',
  detail: 'The day’s quota is used up.',
  checks: [{ limit: 'requests_per_day', used: 101, bound: 100 }],
  reserved: null,
  used: {},
  costs: [],
  charges: [],
  hold: null,
  recovered: false,
  bytes_in: 0,
  bytes_out: 0,
  duration_us: 0,
};

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
  'GET /v1/orgs/acme/projects': () => list([]),
  'GET /v1/orgs/acme/teams': () => list([]),
  'GET /v1/orgs/acme/members': () => list([]),
  'GET /v1/orgs/acme/limits': () => ok(limits(0)),
  'GET /v1/orgs/acme/usage/report': () => ok({ ...report, meters: [] }),
  'GET /v1/orgs/acme/usage': () => ok({ meter: 'requests', unit: 'request', as_of: AT, retained_from: null, buckets: [] }),
  'GET /v1/orgs/acme/subscription': () => ok(subscription()),
  'GET /v1/orgs/acme/access/permissions': () => ok({ permissions: ['scraping:create', 'scraping:read', 'keys:read', 'billing:read', 'billing:manage'] }),
  'GET /v1/orgs/acme/invoices/upcoming': () => problem(404, 'not_found'),
};
