import { screen, waitFor, within } from '@testing-library/react';
import { beforeEach, expect, it } from 'vitest';
import { session } from '../../auth/session';
import { network, problem } from '../../test/network';
import { person } from '../../test/person';
import { renderApp } from '../../test/render-app';
import { apiKey, granted, list, quiet } from '../../test/samples';
import { stored } from '../../test/stored';
import { latestSecret } from './secrets';

const CREATE = 'POST /v1/orgs/acme/api-keys';

beforeEach(() => session.begin(granted));

it('shows a new secret once, and lets go of it only when it is stored', async () => {
  const log = network({ ...quiet, [CREATE]: () => ({ status: 201, body: { api_key: apiKey(), secret: 'ak_deve_topsecret' } }) });
  renderApp('/o/acme/keys');
  const user = person();
  await user.click(await screen.findByRole('button', { name: 'Create key' }));
  const drawer = await screen.findByRole('dialog');
  await user.type(await within(drawer).findByLabelText('Name'), 'Crawler');
  await user.click(await within(drawer).findByRole('checkbox', { name: 'All of Scraping' }));
  await user.click(within(drawer).getByRole('button', { name: 'Create key' }));

  expect(await screen.findByText('ak_deve_topsecret')).toBeDefined();
  expect(log.find((asked) => asked.method === 'POST' && asked.path.endsWith('/api-keys'))?.body).toEqual({ name: 'Crawler', environment: 'development', scopes: ['scraping:create', 'scraping:read'] });
  const done = screen.getByRole<HTMLButtonElement>('button', { name: 'Done' });
  expect(done.disabled).toBe(true);
  await user.click(screen.getByRole('checkbox', { name: 'I have stored it' }));
  await user.click(done);
  await waitFor(() => expect(screen.queryByText('ak_deve_topsecret')).toBeNull());
  expect(latestSecret('acme')).toBe('ak_deve_topsecret');
  expect(stored()).not.toContain('topsecret');
});

it('says what the API found wrong beside the field, and why a plan is full', async () => {
  let attempt = 0;
  const errors = [{ pointer: '/allowed_networks/0', code: 'invalid', detail: 'Not a network.' }];
  network({ ...quiet, [CREATE]: () => ((attempt += 1) === 1 ? problem(422, 'request.invalid', { errors }) : problem(402, 'plan.limit_reached')) });
  renderApp('/o/acme/keys?create=true');
  const user = person();
  const drawer = await screen.findByRole('dialog');
  await user.type(await within(drawer).findByLabelText('Name'), 'Crawler');
  await user.type(within(drawer).getByLabelText('Allowed networks'), 'nonsense');
  await user.click(await within(drawer).findByRole('checkbox', { name: 'scraping:read' }));
  await user.click(within(drawer).getByRole('button', { name: 'Create key' }));
  expect(await within(drawer).findByText('Not a network.')).toBeDefined();
  await user.clear(within(drawer).getByLabelText('Allowed networks'));
  await user.click(within(drawer).getByRole('button', { name: 'Create key' }));
  const refusal = await within(drawer).findByText('plan.limit_reached happened');
  expect(refusal).toBeDefined();
});

it('asks for the name before it revokes', async () => {
  const log = network({ ...quiet, 'GET /v1/orgs/acme/api-keys': () => list([apiKey()]), 'DELETE /v1/orgs/acme/api-keys/ak_1': () => ({ status: 204 }) });
  renderApp('/o/acme/keys');
  const user = person();
  await user.click(await screen.findByRole('button', { name: 'Actions for Crawler' }));
  await user.click(await screen.findByRole('menuitem', { name: 'Revoke' }));
  const dialog = await screen.findByRole('dialog');
  const revoke = within(dialog).getByRole<HTMLButtonElement>('button', { name: 'Revoke key' });
  expect(revoke.disabled).toBe(true);
  await user.type(within(dialog).getByLabelText('Type Crawler to confirm'), 'Crawler');
  await user.click(revoke);
  await waitFor(() => expect(log.some((asked) => asked.method === 'DELETE')).toBe(true));
});

it('searches and filters, and keeps both in the address', async () => {
  network({ ...quiet, 'GET /v1/orgs/acme/api-keys': () => list([apiKey(), apiKey({ id: 'ak_2', name: 'Reports' })]) });
  const { router } = renderApp('/o/acme/keys?q=rep');
  expect(await screen.findByText('Reports')).toBeDefined();
  expect(screen.queryByText('Crawler')).toBeNull();
  const user = person();
  await user.type(screen.getByRole('searchbox', { name: 'Search keys' }), 'zzz');
  expect(await screen.findByText('No key matches')).toBeDefined();
  await waitFor(() => expect(router.state.location.search).toEqual({ q: 'repzzz' }));
});
