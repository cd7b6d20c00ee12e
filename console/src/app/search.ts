// What stands after the `?` of an address, checked: people edit addresses, and links grow old.

type Raw = Record<string, unknown>;

function text(value: unknown): string | undefined {
  // The router reads `?q=42` as a number; it was typed as text.
  const read = typeof value === 'number' ? String(value) : value;
  return typeof read === 'string' && read !== '' ? read.slice(0, 200) : undefined;
}

function oneOf<const T extends string>(value: unknown, allowed: readonly T[]): T | undefined {
  return allowed.find((each) => each === value);
}

/** Absent rather than undefined, so that the address stays short. */
function present<T extends object>(search: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(search).filter(([, value]) => value !== undefined)) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

/** Only an address of this console: a sign-in page that sends people elsewhere is a phisher's tool. */
export function safeReturn(value: unknown): string | undefined {
  const path = text(value);
  return path !== undefined && /^\/(?![/\\])/.test(path) ? path : undefined;
}

export function signInSearch(raw: Raw): { return_to?: string } {
  return present({ return_to: safeReturn(raw['return_to']) });
}

export const KEY_STATUSES = ['active', 'rotating', 'expired', 'revoked'] as const;
export const KEY_COLUMNS = ['name', 'status', 'environment', 'created', 'used'] as const;

export function keysSearch(raw: Raw) {
  return present({
    q: text(raw['q']),
    status: oneOf(raw['status'], KEY_STATUSES),
    sort: oneOf(raw['sort'], KEY_COLUMNS),
    desc: raw['desc'] === true ? true : undefined,
    project: text(raw['project']),
    create: raw['create'] === true ? true : undefined,
  });
}

export const MEMBER_COLUMNS = ['name', 'email', 'role', 'status', 'joined'] as const;

export function membersSearch(raw: Raw) {
  return present({ q: text(raw['q']), sort: oneOf(raw['sort'], MEMBER_COLUMNS), desc: raw['desc'] === true ? true : undefined });
}

export const PROJECT_STATUSES = ['active', 'archived'] as const;
export const PROJECT_COLUMNS = ['name', 'slug', 'status', 'created'] as const;

export function projectsSearch(raw: Raw) {
  return present({
    q: text(raw['q']),
    status: oneOf(raw['status'], PROJECT_STATUSES),
    sort: oneOf(raw['sort'], PROJECT_COLUMNS),
    desc: raw['desc'] === true ? true : undefined,
  });
}

/** Whether the drawer for a new key is open. */
export function projectSearch(raw: Raw) {
  return present({ create: raw['create'] === true ? true : undefined });
}

export const RANGES = ['24h', '7d', '30d', '90d'] as const;

export function usageSearch(raw: Raw) {
  return present({
    range: oneOf(raw['range'], RANGES),
    window: oneOf(raw['window'], ['hour', 'day', 'month']),
    meter: text(raw['meter']),
    group: oneOf(raw['group'], ['key', 'project', 'user', 'operation']),
    project: text(raw['project']),
    view: oneOf(raw['view'], ['chart', 'table']),
  });
}

export const REPORT_PERIODS = ['billing', '7d', '30d', '90d'] as const;

export function reportSearch(raw: Raw) {
  return present({ period: oneOf(raw['period'], REPORT_PERIODS), meter: text(raw['meter']), by: oneOf(raw['by'], ['operation', 'project', 'key']) });
}

export function explainSearch(raw: Raw) {
  return present({ request: text(raw['request']) });
}

export const INVOICE_STATUSES = ['draft', 'open', 'paid', 'void'] as const;
export const INVOICE_COLUMNS = ['number', 'date', 'status', 'total', 'due'] as const;

export function invoicesSearch(raw: Raw) {
  return present({
    q: text(raw['q']),
    status: oneOf(raw['status'], INVOICE_STATUSES),
    statements: raw['statements'] === true ? true : undefined,
    sort: oneOf(raw['sort'], INVOICE_COLUMNS),
    desc: raw['desc'] === true ? true : undefined,
  });
}

export const INTERVALS = ['month', 'quarter', 'year'] as const;

export function plansSearch(raw: Raw) {
  const currency = text(raw['currency']);
  return present({ interval: oneOf(raw['interval'], INTERVALS), currency: currency !== undefined && /^[A-Z]{3}$/.test(currency) ? currency : undefined });
}

export const ORGANIZATION_COLUMNS = ['name', 'slug', 'status', 'plan', 'today', 'created'] as const;
export const ORGANIZATION_STATUSES = ['pending', 'active', 'suspended', 'deactivated', 'erased'] as const;

export function operatorSearch(raw: Raw) {
  return present({
    q: text(raw['q']),
    status: oneOf(raw['status'], ORGANIZATION_STATUSES),
    plan: text(raw['plan']),
    sort: oneOf(raw['sort'], ORGANIZATION_COLUMNS),
    desc: raw['desc'] === true ? true : undefined,
  });
}

export function usersSearch(raw: Raw) {
  return present({ q: text(raw['q']) });
}

export function usageOfAllSearch(raw: Raw) {
  const page = Number(raw['page']);
  return present({ meter: text(raw['meter']), range: oneOf(raw['range'], RANGES), q: text(raw['q']), page: Number.isSafeInteger(page) && page > 1 ? page : undefined });
}

/** The dialog that asks for an offer, and the plan it starts from; empty while none is chosen. */
export function offersSearch(raw: Raw): { ask?: string } {
  return raw['ask'] === '' ? { ask: '' } : present({ ask: text(raw['ask']) });
}

export const OFFER_STATUSES = ['requested', 'offered', 'accepted', 'declined', 'withdrawn'] as const;

export function allOffersSearch(raw: Raw) {
  return present({ status: oneOf(raw['status'], OFFER_STATUSES) });
}

/** The organization an address names, to ask for the right token at once when a page is loaded anew. */
export function organizationIn(pathname: string): string | undefined {
  const slug = /^\/o\/([^/]+)/.exec(pathname)?.[1];
  return slug === undefined ? undefined : decodeURIComponent(slug);
}
