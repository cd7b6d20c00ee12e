import { screen } from '@testing-library/react';
import { beforeEach, expect, it } from 'vitest';
import { session } from '../../auth/session';
import { network, ok, problem, type Asked } from '../../test/network';
import { person } from '../../test/person';
import { renderApp } from '../../test/render-app';
import { aiko, granted, product, quiet } from '../../test/samples';

beforeEach(() => session.end());

const availability = ({ query }: Asked) => {
  const slug = query.get('slug') ?? '';
  return ok(slug === 'acme-labs' ? { slug, available: false, reason: 'taken', suggestions: ['acme-labs-2'] } : { slug, available: true, suggestions: [] });
};

async function fillIn() {
  const user = person();
  await user.type(await screen.findByLabelText('Organization name'), 'Acme Labs');
  await user.type(screen.getByLabelText('Your name'), 'Aiko');
  await user.type(screen.getByLabelText('E-mail address'), aiko.email);
  await user.type(screen.getByLabelText('Password'), 'correct horse');
  await screen.findByRole('radio', { name: /Free/ });
  return user;
}

it('suggests an address, says that it is taken, and offers another', async () => {
  const log = network({ ...quiet, 'GET /v1/signup/availability': availability, 'POST /v1/signup': () => ({ status: 201, body: { ...granted, user: aiko } }) });
  renderApp('/register');
  const user = await fillIn();
  expect(screen.getByLabelText<HTMLInputElement>('Address').value).toBe('acme-labs');
  expect(screen.queryByRole('checkbox')).toBeNull();
  await user.click(await screen.findByRole('button', { name: 'Use acme-labs-2' }));
  expect(await screen.findByText('acme-labs-2 is available.')).toBeDefined();
  await user.click(screen.getByRole('button', { name: 'Create organization' }));
  expect(await screen.findByRole('heading', { level: 1, name: 'Overview' })).toBeDefined();
  const sent = log.find((asked) => asked.path === '/v1/signup');
  expect(sent?.body).toMatchObject({ organization: { name: 'Acme Labs', slug: 'acme-labs-2', plan: 'free' }, owner: { email: aiko.email }, client: 'browser' });
  expect(sent?.headers.get('idempotency-key')).toMatch(/^[0-9a-f]{32}$/);
});

it('puts the API’s words beside the field they are about', async () => {
  const errors = [{ pointer: '/owner/email', code: 'taken', detail: 'That address has an account.' }];
  const log = network({ ...quiet, 'GET /v1/signup/availability': availability, 'POST /v1/signup': () => problem(409, 'identity.email_taken', { errors }) });
  renderApp('/register');
  const user = await fillIn();
  await user.click(screen.getByRole('button', { name: 'Create organization' }));
  expect(await screen.findByText('That address has an account.')).toBeDefined();
  expect(screen.getByLabelText('E-mail address').getAttribute('aria-invalid')).toBe('true');

  // Pressed again with the same body, it is the same attempt.
  await user.click(screen.getByRole('button', { name: 'Create organization' }));
  await screen.findByText('That address has an account.');
  const keys = log.filter((asked) => asked.path === '/v1/signup').map((asked) => asked.headers.get('idempotency-key'));
  expect(new Set(keys).size).toBe(1);
});

it('offers a test clock in development, and only there', async () => {
  const log = network({
    ...quiet,
    'GET /v1/product': () => ok({ ...product, is_development: true }),
    'GET /v1/signup/availability': availability,
    'POST /v1/signup': () => ({ status: 201, body: { ...granted, user: aiko } }),
  });
  renderApp('/register');
  const user = await fillIn();
  await user.click(screen.getByRole('checkbox', { name: /its time can be moved/ }));
  await user.click(screen.getByRole('button', { name: 'Create organization' }));
  expect(await screen.findByRole('heading', { level: 1, name: 'Overview' })).toBeDefined();
  expect(log.find((asked) => asked.path === '/v1/signup')?.body).toMatchObject({ organization: { test_clock: true } });
});
