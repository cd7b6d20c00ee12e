import { screen, waitFor } from '@testing-library/react';
import { beforeEach, expect, it } from 'vitest';
import { session } from '../../auth/session';
import { network, ok } from '../../test/network';
import { renderApp } from '../../test/render-app';
import { apiKey, granted, limits, list, quiet } from '../../test/samples';
import { forgetSecrets, keepSecret } from '../keys/secrets';

const KEYS = 'GET /v1/orgs/acme/api-keys';
const LIMITS = 'GET /v1/orgs/acme/limits';

beforeEach(() => {
  forgetSecrets();
  session.begin(granted);
});

it('waits for the first request with the key’s own line, ticks itself, and then stops asking', async () => {
  let used = 0;
  const log = network({ ...quiet, [KEYS]: () => list([apiKey()]), [LIMITS]: () => ok(limits(used)) });
  keepSecret('acme', 'ak_1', 'ak_deve_secret');
  renderApp('/o/acme');
  expect(await screen.findByText('Waiting for your first request…')).toBeDefined();
  expect(screen.getByText(/Bearer ak_deve_secret/)).toBeDefined();

  used = 1;
  await waitFor(() => expect(screen.queryByText('Waiting for your first request…')).toBeNull(), { timeout: 5_000 });
  expect(screen.getByText('Your first request arrived.')).toBeDefined();
  expect(screen.getByRole('meter', { name: 'Requests per day' }).getAttribute('aria-valuetext')).toBe('1 of 100');

  await new Promise((resolve) => setTimeout(resolve, 200));
  const asked = log.length;
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  expect(log.length).toBe(asked);
});

it('asks nothing over and over before there is a key', async () => {
  const log = network(quiet);
  renderApp('/o/acme');
  expect(await screen.findByRole('link', { name: 'Create key' })).toBeDefined();
  const asked = log.length;
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  expect(log.length).toBe(asked);
});

it.each([
  [80, 'warn', 'Near the limit'],
  [100, 'full', 'Limit reached'],
])('at %s %% a bar is %s and says so', async (used, level, words) => {
  network({ ...quiet, [LIMITS]: () => ok(limits(used)) });
  renderApp('/o/acme');
  const meter = await screen.findByRole('meter', { name: 'Requests per day' });
  expect(meter.dataset['level']).toBe(level);
  expect(screen.getByText(new RegExp(words))).toBeDefined();
});
