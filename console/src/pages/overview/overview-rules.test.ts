import { describe, expect, it } from 'vitest';
import { product, limits } from '../../test/samples';
import { curlLine, gatewayOrigin } from './curl';
import { hasRequests, levelOf } from '../usage/limit-level';

describe('a bar', () => {
  const warn_at = [80, 90, 100];
  it.each([
    [0, 100, 'ok'],
    [79, 100, 'ok'],
    [80, 100, 'warn'],
    [99, 100, 'warn'],
    [100, 100, 'full'],
    [101, 100, 'full'],
    [5, null, 'ok'],
    [0, 0, 'ok'],
  ])('at %s of %s is %s', (used, limit, level) => {
    expect(levelOf({ used, limit, warn_at })).toBe(level);
  });
  it('turns amber at 80 % when the plan names no threshold', () => {
    expect(levelOf({ used: 80, limit: 100, warn_at: [] })).toBe('warn');
  });
});

it('takes stock for no request', () => {
  expect(hasRequests(limits(3).items.map((limit) => ({ ...limit, kind: 'stock' })))).toBe(false);
  expect(hasRequests(limits(1).items)).toBe(true);
});

describe('the line to try', () => {
  const here = new URL('http://localhost:7070/console/');
  it('goes to this address when the product has no domain', () => {
    expect(curlLine(product, gatewayOrigin(product, 'acme', here), 'ak_x')).toBe("curl -H 'Authorization: Bearer ak_x' \\\n  'http://localhost:7070/api/jobs'");
  });
  it('goes to the organization’s own host when it has one', () => {
    expect(gatewayOrigin({ ...product, base_domain: 'scraper.localhost' }, 'acme', here)).toBe('http://acme.scraper.localhost:7070');
  });
  it('sends a body where the method takes one', () => {
    expect(curlLine({ ...product, sample: { method: 'POST', path: '/api/jobs' } }, here.origin, 'k')).toContain("-X POST -H 'Authorization: Bearer k' -H 'Content-Type: application/json' -d '{}'");
  });
});
