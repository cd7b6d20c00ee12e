import type { ApiKeyRequest, Environment, KeyLimit, Limit } from '../../api/types';

export type Expiry = 'never' | '30' | '90' | '365' | 'date';

/** The create form's values, as its fields hold them. */
export interface NewKey {
  name: string;
  environment: Environment;
  scopes: string[];
  expiry: Expiry;
  expires_on?: string;
  networks?: string;
  project?: string;
  rate?: { per_second?: number | null; burst?: number | null };
  /** By the names of limits. */
  own?: Record<string, number | null>;
}

const DAY_MS = 86_400_000;

function expiresAt({ expiry, expires_on }: NewKey, now: number): string | undefined {
  if (expiry === 'never') return undefined;
  if (expiry !== 'date') return new Date(now + Number(expiry) * DAY_MS).toISOString();
  // To the end of that day where the person is: "until the 3rd" includes the 3rd.
  return expires_on === undefined ? undefined : new Date(`${expires_on}T23:59:59`).toISOString();
}

/** The limit that a key's own rate goes by; none where the product has no rate per second. */
export function rateLimitOf(limits: readonly Limit[]): string | undefined {
  return limits.find(({ kind, window }) => kind === 'rate' && window === 'second')?.key;
}

/** What else bounds a key of its own: quotas, what is held at once, and slower rates. Stock is the organization's. */
export function ownLimitsOf(limits: readonly Limit[]): Limit[] {
  const rate = rateLimitOf(limits);
  return limits.filter(({ kind, key }) => kind !== 'stock' && key !== rate);
}

/** What is sent. What was left empty is absent, so that the server's defaults hold. */
export function toRequest(values: NewKey, now: number, rateLimit?: string): ApiKeyRequest {
  const networks = (values.networks ?? '').split(/[\s,]+/).filter((network) => network !== '');
  const { per_second, burst } = values.rate ?? {};
  const rate = typeof per_second === 'number' ? { per_second, ...(typeof burst === 'number' ? { burst } : {}) } : undefined;
  const expires_at = expiresAt(values, now);
  const limits: Record<string, KeyLimit> = rate === undefined || rateLimit === undefined ? {} : { [rateLimit]: rate };
  for (const [name, most] of Object.entries(values.own ?? {})) if (typeof most === 'number') limits[name] = most;
  return {
    name: values.name.trim(),
    environment: values.environment,
    scopes: values.scopes,
    ...(networks.length > 0 ? { allowed_networks: networks } : {}),
    ...(values.project === undefined || values.project === '' ? {} : { project: values.project }),
    ...(Object.keys(limits).length === 0 ? {} : { limits }),
    ...(expires_at === undefined ? {} : { expires_at }),
  };
}

/** The form's name for what the API calls `allowed_networks`, `limits` and `expires_at`, for errors that point there. */
export function renamePointer(pointer: string, expiry: Expiry, rateLimit?: string): string {
  if (pointer.startsWith('/allowed_networks')) return '/networks';
  if (rateLimit !== undefined && pointer.startsWith(`/limits/${rateLimit}`)) return '/rate/per_second';
  if (pointer.startsWith('/limits/')) return pointer.replace('/limits/', '/own/');
  if (pointer === '/expires_at') return expiry === 'date' ? '/expires_on' : '/expiry';
  return pointer;
}
