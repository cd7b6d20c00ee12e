import { screen, waitFor } from '@testing-library/react';
import { beforeEach, describe, expect, it } from 'vitest';
import { session } from '../../auth/session';
import { network, ok, problem, type Asked } from '../../test/network';
import { person } from '../../test/person';
import { renderApp } from '../../test/render-app';
import { acme, aiko, granted, quiet } from '../../test/samples';
import { stored } from '../../test/stored';
import { forgetToken, tokenIn } from './token';

const offer = { organization: { name: 'Acme', slug: 'acme' }, email: 'aiko@example.com', role: 'admin', invited_by: 'Mina', creates_account: true, expires_at: '2026-01-09T03:04:05Z' };
const reply = { access_token: 'at_2', expires_in: 600, user: aiko, organization: acme, organizations: [{ organization: acme, role: 'admin' }] };

function invited(creates_account: boolean, over: Record<string, (asked: Asked) => ReturnType<typeof ok>> = {}) {
  return network({
    ...quiet,
    'POST /v1/token/refresh': () => problem(401, 'session.expired'),
    'POST /v1/invitations/look': () => ok({ ...offer, creates_account }),
    'POST /v1/invitations/accept': () => ok(reply),
    ...over,
  });
}

beforeEach(() => {
  session.end();
  forgetToken();
});

describe('an invitation', () => {
  it('makes an account, and its token is nowhere but in memory', async () => {
    const log = invited(true);
    const { router } = renderApp('/invitation#token=it_secret');
    expect(await screen.findByRole('heading', { name: 'Join Acme' })).toBeDefined();
    expect(screen.getByText('Mina invites you as: Administrator.')).toBeDefined();
    expect(router.state.location.href).toBe('/invitation');
    expect(window.location.href).not.toContain('secret');
    const user = person();
    await user.type(screen.getByLabelText('Your name'), 'Aiko');
    await user.type(screen.getByLabelText('Password'), 'walnut orbit kettle');
    await user.click(screen.getByRole('button', { name: 'Accept the invitation' }));
    await waitFor(() => expect(router.state.location.pathname).toBe('/o/acme'));
    const sent = log.find((asked) => asked.path.endsWith('/accept'));
    expect(sent?.body).toEqual({ token: 'it_secret', display_name: 'Aiko', password: 'walnut orbit kettle', client: 'browser' });
    expect(stored()).not.toContain('it_secret');
  });

  it('asks for the password of an account that there is', async () => {
    const log = invited(false);
    renderApp('/invitation#token=it_1');
    const user = person();
    await user.type(await screen.findByLabelText('Password'), 'walnut orbit kettle');
    expect(screen.queryByLabelText('Your name')).toBeNull();
    await user.click(screen.getByRole('button', { name: 'Accept the invitation' }));
    await waitFor(() => expect(log.find((asked) => asked.path.endsWith('/accept'))?.body).toEqual({ token: 'it_1', password: 'walnut orbit kettle', client: 'browser' }));
  });

  it('takes who is signed in as who they are', async () => {
    session.begin(granted);
    const log = invited(false);
    renderApp('/invitation#token=it_1');
    await person().click(await screen.findByRole('button', { name: 'Accept the invitation' }));
    await waitFor(() => expect(log.find((asked) => asked.path.endsWith('/accept'))).toMatchObject({ token: 'at_1', body: { token: 'it_1', client: 'browser' } }));
  });

  it('is not accepted as somebody else', async () => {
    session.begin(granted);
    invited(false, { 'GET /v1/me': () => ok({ ...aiko, email: 'other@example.com' }) });
    renderApp('/invitation#token=it_1');
    expect(await screen.findByText(/signed in as other@example.com/)).toBeDefined();
    expect(screen.queryByRole('button', { name: 'Accept the invitation' })).toBeNull();
  });

  it('that is no good says so', async () => {
    invited(false, { 'POST /v1/invitations/look': () => problem(404, 'invitation.invalid') });
    renderApp('/invitation#token=it_1');
    expect(await screen.findByText('invitation.invalid happened')).toBeDefined();
  });
});

it('reads the token of a fragment', () => {
  expect([tokenIn('token=it_1'), tokenIn('#token=it_1&x=2'), tokenIn('main'), tokenIn('')]).toEqual(['it_1', 'it_1', undefined, undefined]);
});
