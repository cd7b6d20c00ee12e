import { screen } from '@testing-library/react';
import { beforeEach, describe, expect, it } from 'vitest';
import { session } from '../../auth/session';
import { network, ok, problem } from '../../test/network';
import { person } from '../../test/person';
import { renderApp } from '../../test/render-app';
import { acme, aiko, granted, quiet } from '../../test/samples';

beforeEach(() => session.end());

async function signIn() {
  const user = person();
  await user.type(await screen.findByLabelText('E-mail address'), aiko.email);
  await user.type(screen.getByLabelText('Password'), 'correct horse');
  await user.click(screen.getByRole('button', { name: 'Sign in' }));
}

describe('signing in', () => {
  it('leads back to where one wanted to be', async () => {
    network({ ...quiet, 'POST /v1/login': () => ok({ ...granted, user: aiko, organizations: [{ organization: acme, role: 'owner' }] }) });
    const { router } = renderApp('/o/acme/keys');
    await signIn();
    expect(await screen.findByRole('heading', { level: 1, name: 'API keys' })).toBeDefined();
    expect(router.state.location.pathname).toBe('/o/acme/keys');
    expect(document.title).toBe('API keys · Scraper');
  });

  it('says what was wrong, with the request id, and empties the password', async () => {
    network({ ...quiet, 'POST /v1/login': () => problem(401, 'identity.credentials_wrong') });
    renderApp('/sign-in');
    await signIn();
    const alert = await screen.findByRole('alert');
    expect(alert.textContent).toContain('identity.credentials_wrong happened');
    expect(alert.textContent).toContain('req_test');
    expect(screen.getByLabelText<HTMLInputElement>('Password').value).toBe('');
  });

  it('says how long to wait when locked', async () => {
    network({ ...quiet, 'POST /v1/login': () => problem(429, 'identity.locked', {}, { 'retry-after': '30' }) });
    renderApp('/sign-in');
    await signIn();
    expect(await screen.findByText('Try again in 30 seconds.')).toBeDefined();
  });
});
