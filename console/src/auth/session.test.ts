import { describe, expect, it } from 'vitest';
import { network, ok, problem } from '../test/network';
import { acme, granted } from '../test/samples';
import { stored } from '../test/stored';
import { Session } from './session';

const REFRESH = 'POST /v1/token/refresh';

describe('restore', () => {
  it('goes on with the token that the cookie brings', async () => {
    network({ [REFRESH]: () => ok(granted) });
    const session = new Session();
    expect(await session.restore()).toBe(true);
    expect(session.token).toBe('at_1');
    expect(session.organization).toEqual(acme);
  });

  it('is signed out when there is no session', async () => {
    network({ [REFRESH]: () => problem(401, 'session.expired') });
    const session = new Session();
    expect(await session.restore()).toBe(false);
    expect(session.snapshot().status).toBe('out');
  });

  it('asks for the organization of the address, and does without it when that is refused', async () => {
    const log = network({
      [REFRESH]: ({ body }) => ((body as { organization?: string }).organization === 'gone' ? problem(404, 'organization.not_found') : ok(granted)),
    });
    const session = new Session();
    expect(await session.restore('gone')).toBe(true);
    expect(log.map((asked) => asked.body)).toEqual([{ organization: 'gone', client: 'browser' }, { client: 'browser' }]);
  });

  it('signs nobody out because the server is down', async () => {
    network({ [REFRESH]: () => problem(503, 'unavailable') });
    const session = new Session();
    await expect(session.restore()).rejects.toMatchObject({ status: 503 });
    expect(session.snapshot().status).toBe('unknown');
  });
});

describe('renew', () => {
  it('has one refresh in flight at a time', async () => {
    let count = 0;
    network({ [REFRESH]: () => ok({ ...granted, access_token: `at_${(count += 1)}` }) });
    const session = new Session();
    session.begin({ access_token: 'stale', organization: acme });
    expect(await Promise.all([session.renew('stale'), session.renew('stale'), session.renew('stale')])).toEqual([true, true, true]);
    expect(count).toBe(1);
  });

  it('uses what another caller has already renewed', async () => {
    const log = network({ [REFRESH]: () => ok(granted) });
    const session = new Session();
    session.begin({ access_token: 'fresh', organization: acme });
    expect(await session.renew('stale')).toBe(true);
    expect(log).toHaveLength(0);
  });
});

it('keeps tokens out of storage', async () => {
  network({ [REFRESH]: () => ok(granted) });
  await new Session().restore();
  expect(stored()).not.toContain('at_1');
});
