import { beforeEach, describe, expect, it } from 'vitest';
import { session } from '../auth/session';
import { network, ok, problem } from '../test/network';
import { acme, aiko, granted } from '../test/samples';
import { buildUrl } from './client';
import { getMe } from './operations/me';
import { getProduct } from './operations/public';

beforeEach(() => session.begin({ access_token: 'stale', organization: acme }));

describe('an expired token', () => {
  it('is refreshed once for all who met it, and the calls are repeated', async () => {
    const log = network({
      'GET /v1/me': ({ token }) => (token === 'at_1' ? ok(aiko) : problem(401, 'auth.token_expired')),
      'POST /v1/token/refresh': () => ok(granted),
    });
    expect(await Promise.all([getMe(), getMe()])).toEqual([aiko, aiko]);
    expect(log.filter((asked) => asked.path === '/v1/token/refresh')).toHaveLength(1);
  });

  it('ends the session when it can’t be refreshed', async () => {
    network({ 'GET /v1/me': () => problem(401, 'auth.token_expired'), 'POST /v1/token/refresh': () => problem(401, 'session.expired') });
    await expect(getMe()).rejects.toMatchObject({ status: 401 });
    expect(session.snapshot().status).toBe('out');
  });

  it('ends the session when the fresh token is refused too', async () => {
    const log = network({ 'GET /v1/me': () => problem(401, 'auth.token_invalid'), 'POST /v1/token/refresh': () => ok(granted) });
    await expect(getMe()).rejects.toMatchObject({ status: 401 });
    expect(session.snapshot().status).toBe('out');
    expect(log).toHaveLength(3);
  });
});

it('carries the problem’s words, request id and wait', async () => {
  network({ 'GET /v1/product': () => problem(429, 'rate.limited', {}, { 'retry-after': '7' }) });
  await expect(getProduct()).rejects.toMatchObject({ status: 429, code: 'rate.limited', detail: 'rate.limited happened', requestId: 'req_test', retryAfterSeconds: 7 });
});

it('tells an unreachable server from a refusing one', async () => {
  network({
    'GET /v1/product': () => {
      throw new TypeError('Failed to fetch');
    },
  });
  await expect(getProduct()).rejects.toMatchObject({ status: 0, code: 'console.unreachable', isTransient: true });
});

it('encodes path and query', () => {
  expect(buildUrl('/v1/orgs/{org}/api-keys/{id}', { path: { org: 'a/b', id: 'x?' }, query: { q: 'ä', limit: 2, cursor: undefined } })).toBe('/v1/orgs/a%2Fb/api-keys/x%3F?q=%C3%A4&limit=2');
});
