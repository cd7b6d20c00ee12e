import type { Product } from '../../api/types';

/** Where the gateway answers for an organization: its own host if the product has a domain, else this address. */
export function gatewayOrigin(product: Product, slug: string, here: URL): string {
  if (product.base_domain === null) return here.origin;
  const port = here.port === '' ? '' : `:${here.port}`;
  return `${here.protocol}//${slug}.${product.base_domain}${port}`;
}

/** For a POSIX shell, the address on a line of its own. `secret` is a key's secret or a word standing in for it; both are free of quotes. */
export function curlLine(product: Product, origin: string, secret: string): string {
  const { method, path } = product.sample ?? { method: 'GET', path: '/' };
  const parts = ['curl'];
  if (method !== 'GET') parts.push(`-X ${method}`);
  parts.push(`-H 'Authorization: Bearer ${secret}'`);
  if (['POST', 'PUT', 'PATCH'].includes(method)) parts.push(`-H 'Content-Type: application/json' -d '{}'`);
  return `${parts.join(' ')} \\\n  '${origin}${path}'`;
}
