import { screen, waitFor } from '@testing-library/react';
import { beforeEach, describe, expect, it } from 'vitest';
import { session } from '../../auth/session';
import { network, ok, problem } from '../../test/network';
import { person } from '../../test/person';
import { renderApp } from '../../test/render-app';
import { apiKey, explanation, granted, list, quiet, report, usd } from '../../test/samples';
import { missingOf } from './ReportPage';

const ORG = '/v1/orgs/acme';

beforeEach(() => session.begin(granted));

it('asks for the meter, the window and the groups that the address names, and calls them by their names', async () => {
  const log = network({
    ...quiet,
    [`GET ${ORG}/usage/report`]: () => ok(report),
    [`GET ${ORG}/api-keys`]: () => list([apiKey()]),
    [`GET ${ORG}/usage`]: ({ query }) => {
      const start = query.get('from');
      return ok({ meter: 'pages', unit: 'page', as_of: start, buckets: [{ start, end: start, group: { key: 'ak_1' }, value: '7' }, { start, end: start, group: {}, value: '3' }] });
    },
  });
  renderApp('/o/acme/usage?meter=pages&range=7d&window=hour&group=key');
  expect((await screen.findByTestId('usage-total')).textContent).toBe('10');
  const asked = log.find(({ path }) => path === `${ORG}/usage`)?.query;
  expect(['meter', 'window', 'group_by'].map((name) => asked?.get(name))).toEqual(['pages', 'hour', 'key']);
  expect(await screen.findByRole('row', { name: 'Crawler 7 70%' })).toBeDefined();
  expect(screen.getByRole('row', { name: 'Without a key 3 30%' })).toBeDefined();
});

it('reports what was used, what it cost and what is advised', async () => {
  network({ ...quiet, [`GET ${ORG}/usage/report`]: () => ok(report) });
  renderApp('/o/acme/usage/report');
  expect((await screen.findByTestId('report-cost')).textContent).toBe('$0.34');
  expect(screen.getByRole('row', { name: 'Pages (page) 270 200 +35% $0.001 $0.27' })).toBeDefined();
  expect(screen.getByText('Take a plan on which it goes further.')).toBeDefined();
});

it('explains a request by its id, and keeps the id in the address', async () => {
  network({ ...quiet, [`GET ${ORG}/explain/req_1`]: () => ok(explanation), [`GET ${ORG}/explain/req_2`]: () => problem(404, 'not_found') });
  const { router } = renderApp('/o/acme/usage/explain');
  const user = person();
  await user.type(await screen.findByLabelText('Request id'), ' req_1 ');
  await user.click(screen.getByRole('button', { name: 'Explain' }));
  expect(await screen.findByText('The day’s quota is used up.')).toBeDefined();
  expect(screen.getByRole('meter', { name: 'Requests per day' }).getAttribute('aria-valuetext')).toBe('101 of 100');
  expect(router.state.location.search).toEqual({ request: 'req_1' });
  await user.clear(screen.getByLabelText('Request id'));
  await user.type(screen.getByLabelText('Request id'), 'req_2{Enter}');
  expect(await screen.findByText('not_found happened')).toBeDefined();
});

it('says exactly what a request is charged, for what and by which price, and nothing where nothing is', async () => {
  const charge = (over: object) => ({ meter: 'pages', limit: null, plan: 'pro', plan_version: 2, price: { model: 'unit', unit: '0.0025', included: '2' }, exact: '0.0025', amount: usd('0.00'), ...over });
  const charges = [charge({}), charge({ meter: 'requests', limit: 'requests_per_day', price: { model: 'package', unit: '0.01', per: '3' }, exact: '0' })];
  network({ ...quiet, [`GET ${ORG}/explain/req_1`]: () => ok({ ...explanation, charges }), [`GET ${ORG}/explain/req_2`]: () => ok(explanation) });
  const { router } = renderApp('/o/acme/usage/explain?request=req_1');
  expect((await screen.findByTestId('charged-total')).textContent).toBe('Together: $0.0025');
  expect(screen.getByRole('row', { name: 'Pages $0.0025 per unit First 2 included Pro, version 2 $0.0025' })).toBeDefined();
  expect(screen.getByRole('row', { name: 'Beyond Requests per day $0.01 per 3 unit, each started lot Pro, version 2 Within the limit $0.00' })).toBeDefined();
  await router.navigate({ to: '/o/$org/usage/explain', params: { org: 'acme' }, search: { request: 'req_2' } });
  await waitFor(() => expect(screen.queryByTestId('charged-total')).toBeNull());
  expect(screen.getByText('The day’s quota is used up.')).toBeDefined();
});

it('says from when on the plan shows usage, where the range begins before, and draws nothing for what came before', async () => {
  const day = (daysAgo: number) => new Date(Math.floor(Date.now() / 86_400_000 - daysAgo) * 86_400_000).toISOString();
  const usage = (query: URLSearchParams) => ({ meter: 'requests', unit: 'request', as_of: day(0), retained_from: day(7), buckets: [{ start: day(0), end: day(-1), group: {}, value: query.get('window') === 'day' ? '4' : '0' }] });
  network({ ...quiet, [`GET ${ORG}/usage`]: ({ query }) => ok(usage(query)) });
  const { router } = renderApp('/o/acme/usage?range=30d&view=table');
  expect((await screen.findByRole('note')).textContent).toMatch(/^Your plan shows usage from .+ \(UTC\) on\. What came before isn’t in these figures\.$/);
  // The header's row, and a row for each day that is shown.
  expect(screen.getAllByRole('row')).toHaveLength(1 + 8);
  await router.navigate({ to: '/o/$org/usage', params: { org: 'acme' }, search: { range: '7d', view: 'table' } });
  await waitFor(() => expect(screen.queryByRole('note')).toBeNull());
  expect(screen.getAllByRole('row')).toHaveLength(1 + 7);
});

describe('a report', () => {
  const short = { ...report, retained_from: '2025-12-31T00:00:00Z', previous: { start: '2025-12-31T00:00:00Z', end: '2026-01-01T00:00:00Z' }, period: { start: '2026-01-01T00:00:00Z', end: '2026-01-05T00:00:00Z' } };
  it('knows what the plan doesn’t show of it', () => {
    expect(missingOf({ ...report, retained_from: null })).toBeUndefined();
    expect(missingOf(short)).toBe('comparison');
    expect(missingOf(short, '2025-12-01T00:00:00Z')).toBe('range');
    expect(missingOf({ ...short, retained_from: '2026-01-02T00:00:00Z' })).toBe('range');
  });
  it('says so', async () => {
    network({ ...quiet, [`GET ${ORG}/usage/report`]: ({ query }) => ok(query.has('from') ? { ...short, retained_from: new Date().toISOString() } : short) });
    const { router } = renderApp('/o/acme/usage/report');
    expect((await screen.findByRole('note')).textContent).toContain('nothing as long before to compare with');
    await router.navigate({ to: '/o/$org/usage/report', params: { org: 'acme' }, search: { period: '90d' } });
    await waitFor(() => expect(screen.getByRole('note').textContent).toContain('What came before'));
  });
});
