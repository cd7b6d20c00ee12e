import { screen, waitFor, within } from '@testing-library/react';
import { beforeEach, describe, expect, it } from 'vitest';
import { session } from '../../auth/session';
import { network, ok, problem, type Asked } from '../../test/network';
import { person } from '../../test/person';
import { renderApp } from '../../test/render-app';
import { free, granted, invoice, line, list, pro, quiet, subscription, usd } from '../../test/samples';

const ORG = '/v1/orgs/acme';
const billing = { ...quiet, 'GET /v1/plans': () => list([free, pro]) };

beforeEach(() => session.begin(granted));

function preview(at: string, amount: string) {
  const made = invoice({ status: 'upcoming', number: null, total: usd(amount), due: usd(amount), subtotal: usd(amount), lines: [line({ amount: usd(amount) })] });
  return { prorated_at: at, when: 'now', subscription: subscription({ plan: 'pro' }), invoice: made, next_invoice: invoice({ status: 'upcoming', total: usd('29.00') }) };
}

describe('a change of plan', () => {
  it('is confirmed with the preview it was shown with', async () => {
    const log = network({
      ...billing,
      [`POST ${ORG}/subscription/preview`]: () => ok(preview('2026-01-11T00:00:00Z', '19.65')),
      [`POST ${ORG}/subscription/change`]: () => ok(subscription({ plan: 'pro' })),
    });
    renderApp('/o/acme/billing/plans');
    const user = person();
    await user.click(await screen.findByRole('button', { name: 'Choose Pro' }));
    const dialog = await screen.findByRole('dialog');
    expect(await within(dialog).findByText('Plan: Free → Pro')).toBeDefined();
    expect(within(dialog).getByTestId('due').textContent).toBe('$19.65');
    expect(within(dialog).getByText('$29.00')).toBeDefined();
    await user.click(within(dialog).getByRole('button', { name: 'Confirm and be charged $19.65' }));
    expect(await screen.findByRole('heading', { level: 1, name: 'Subscription' })).toBeDefined();
    const sent = log.find((asked) => asked.path.endsWith('/change'));
    expect(sent?.body).toEqual({ plan: 'pro', interval: 'month', currency: 'USD', when: 'now', prorated_at: '2026-01-11T00:00:00Z' });
    expect(sent?.headers.get('idempotency-key')).toMatch(/^[0-9a-f]{32}$/);
  });

  it('asks anew, and says so, when the preview has grown old', async () => {
    const previews = [preview('2026-01-11T00:00:00Z', '19.65'), preview('2026-01-11T00:20:00Z', '19.64')];
    const answers = [problem(409, 'subscription.preview_stale'), ok(subscription({ plan: 'pro' }))];
    const log = network({
      ...billing,
      [`POST ${ORG}/subscription/preview`]: () => ok(previews.shift()),
      [`POST ${ORG}/subscription/change`]: () => answers.shift() ?? problem(500, 'test.spent'),
    });
    renderApp('/o/acme/billing/plans');
    const user = person();
    await user.click(await screen.findByRole('button', { name: 'Choose Pro' }));
    await user.click(await screen.findByRole('button', { name: 'Confirm and be charged $19.65' }));
    expect(await screen.findByText(/The figures were out of date/)).toBeDefined();
    await user.click(screen.getByRole('button', { name: 'Confirm and be charged $19.64' }));
    await screen.findByRole('heading', { level: 1, name: 'Subscription' });
    const changes = log.filter((asked) => asked.path.endsWith('/change'));
    expect(changes.map((asked) => (asked.body as { prorated_at: string }).prorated_at)).toEqual(['2026-01-11T00:00:00Z', '2026-01-11T00:20:00Z']);
    expect(new Set(changes.map((asked) => asked.headers.get('idempotency-key'))).size).toBe(2);
  });

  it('that is to come is called off by a change back', async () => {
    const pending = { at: '2026-02-01T00:00:00Z', plan: 'free', currency: 'USD', interval: 'month' as const, seats: 1, add_ons: {} };
    let current = subscription({ plan: 'pro', pending });
    const change = ({ body }: Asked) => {
      expect(body).toEqual({ plan: 'pro' });
      current = subscription({ plan: 'pro' });
      return ok(current);
    };
    network({ ...billing, [`GET ${ORG}/subscription`]: () => ok(current), [`POST ${ORG}/subscription/change`]: change });
    renderApp('/o/acme/billing');
    expect(await screen.findByText('Plan: Pro → Free')).toBeDefined();
    await person().click(await screen.findByRole('button', { name: 'Keep it as it is' }));
    await waitFor(() => expect(screen.queryByText('Plan: Pro → Free')).toBeNull());
  });
});

it('asks when a subscription is to end, with the period if nothing is said', async () => {
  const log = network({ ...billing, [`POST ${ORG}/subscription/cancel`]: () => ok(subscription({ cancel_at: '2026-02-01T00:00:00Z' })) });
  renderApp('/o/acme/billing');
  const user = person();
  await user.click(await screen.findByRole('button', { name: 'Cancel subscription' }));
  const dialog = await screen.findByRole('dialog');
  expect(within(dialog).getByRole<HTMLInputElement>('radio', { name: /At the end of the period/ }).checked).toBe(true);
  await user.click(within(dialog).getByRole('button', { name: 'Cancel subscription' }));
  await waitFor(() => expect(log.find((asked) => asked.path.endsWith('/cancel'))?.body).toEqual({ when: 'period_end' }));
});

it('offers nothing to those who may only look', async () => {
  network({ ...billing, [`GET ${ORG}/access/permissions`]: () => ok({ permissions: ['billing:read'] }) });
  renderApp('/o/acme/billing');
  expect(await screen.findByText(/you need the permission billing:manage/)).toBeDefined();
  expect(screen.queryByRole('button', { name: 'Cancel subscription' })).toBeNull();
});

it('opens a line to how it came about and, page by page, to its events', async () => {
  const usage = line({ position: 2, kind: 'usage', description: 'Requests: included', meter: 'requests', events: 3, digest: '00ff', quantity: '3', amount: usd('0.00'), work: {} });
  const event = (id: string) => ({ id, at: '2026-01-12T00:00:00Z', operation: 'GET /api/jobs', project: null, team: null, key: 'key_1', user: null, units: 1, value: null, settled: 1 });
  const pages = ({ query }: Asked) => {
    const page = query.get('cursor') === null ? { items: [event('evt_1'), event('evt_2')], next_cursor: 'c1' } : { items: [event('evt_3')], next_cursor: null };
    return ok({ events: 3, digest: '00ff', ...page });
  };
  const log = network({ ...billing, [`GET ${ORG}/invoices/inv_1`]: () => ok(invoice({ lines: [line(), usage] })), [`GET ${ORG}/invoices/inv_1/lines/2/events`]: pages });
  renderApp('/o/acme/billing/invoices/inv_1');
  const user = person();
  await user.click(await screen.findByRole('button', { name: 'Pro, per month' }));
  expect(await screen.findByText('67.74%: 1,814,400 of 2,678,400 seconds')).toBeDefined();
  await user.click(screen.getByRole('button', { name: 'Requests: included' }));
  expect(await screen.findByText('evt_2')).toBeDefined();
  expect(screen.getByText('00ff')).toBeDefined();
  await user.click(screen.getByRole('button', { name: 'Show more' }));
  expect(await screen.findByText('evt_3')).toBeDefined();
  expect(screen.getByText('3 of 3 shown')).toBeDefined();
  expect(log.filter((asked) => asked.path.endsWith('/events'))).toHaveLength(2);
});

it('lists invoices by what the address says, and statements only when asked for', async () => {
  const log = network({ ...billing, [`GET ${ORG}/invoices`]: () => list([invoice(), invoice({ id: 'inv_2', number: 'INV-000002', status: 'paid' })]) });
  const { router } = renderApp('/o/acme/billing/invoices?status=paid');
  expect(await screen.findByRole('link', { name: 'INV-000002' })).toBeDefined();
  expect(screen.queryByText('INV-000001')).toBeNull();
  await person().click(screen.getByRole('switch', { name: 'Statements too' }));
  await waitFor(() => expect(router.state.location.search).toEqual({ status: 'paid', statements: true }));
  await waitFor(() => {
    const asked = log.filter((each) => each.path === `${ORG}/invoices`).map((each) => each.query.get('statements'));
    expect([...new Set(asked)]).toEqual(['false', 'true']);
  });
});

it('puts what is wrong with the billing details beside the field', async () => {
  const errors = [{ pointer: '/tax_id', code: 'length', detail: 'Say it in 0 to 50 characters.' }];
  const log = network({
    ...billing,
    [`GET ${ORG}/billing-profile`]: () => ok({ profile: null, balance: usd('5.00') }),
    [`PUT ${ORG}/billing-profile`]: () => problem(422, 'request.invalid', { errors }),
  });
  renderApp('/o/acme/billing/profile');
  const user = person();
  await user.type(await screen.findByLabelText('Name'), 'Acme KK');
  await user.click(await screen.findByRole('button', { name: 'Save changes' }));
  expect(await screen.findByText('Say it in 0 to 50 characters.')).toBeDefined();
  expect(screen.getByText('$5.00')).toBeDefined();
  expect(log.find((asked) => asked.method === 'PUT')?.body).toEqual({ name: 'Acme KK', address: '', country: null, tax_id: null, email: null });
});
