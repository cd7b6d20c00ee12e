import { describe, expect, it } from 'vitest';
import { limits } from '../../test/samples';
import { toRevocation, isNarrowed } from './keys/revocation';
import { furtherTerms, toQuote, type QuoteForm } from './offers/quote';
import { actsOn } from './orgs/InvoicesCard';
import { patchOf } from './orgs/edit';
import { rowsOf } from './orgs/OverridesCard';
import { matching, pageOf } from './usage/shares';

const plain: QuoteForm = { price: ' 500.00 ', currency: 'USD', interval: 'month', expires_at: '2026-03-01T12:00' };

describe('a quote', () => {
  it('says no more than was filled in', () => {
    expect(toQuote(plain)).toEqual({ price: { amount: '500.00', currency: 'USD' }, currency: 'USD', interval: 'month', expires_at: new Date('2026-03-01T12:00').toISOString() });
  });
  it('carries limits, unlimited ones too, seats and further terms', () => {
    const form = { ...plain, limits: { jobs: 5, pages: null }, unlimited: ['members'], seats: { included: 10, price: '3.00' }, further: '{ "features": { "sso": true } }' };
    expect(toQuote(form)).toMatchObject({ limits: { jobs: 5, members: null }, seats: { included: 10, price: { amount: '3.00', currency: 'USD' } }, features: { sso: true } });
  });
  it('takes nothing but an object for further terms', () => {
    expect([furtherTerms('[1]'), furtherTerms('{'), furtherTerms('7'), furtherTerms(' ')]).toEqual([undefined, undefined, undefined, {}]);
  });
});

describe('an emergency', () => {
  it('is narrowed by what was filled in, and never means every key there is', () => {
    expect(toRevocation({ reason: ' leaked ', keys: 'ak_1\n ak_2', org: '', environment: '' }, true)).toEqual({ reason: 'leaked', dry_run: true, keys: ['ak_1', 'ak_2'] });
    expect(isNarrowed(toRevocation({ reason: 'leaked' }, true))).toBe(false);
    expect(isNarrowed(toRevocation({ reason: 'leaked', org: 'acme' }, true))).toBe(true);
  });
});

it('offers only what may be done with an invoice as it stands', () => {
  expect((['draft', 'open', 'paid', 'void'] as const).map((status) => actsOn({ status }))).toEqual([[], ['pay', 'void', 'credit'], ['credit'], []]);
});

it('tells the plan’s limit from the one that was set', () => {
  const own = { limit: 'requests_per_day', bound: 250, reason: 'Fair', set_at: '2026-01-01T00:00:00Z', set_by: 'usr_1' };
  const items = limits(3).items.map((limit) => ({ ...limit, limit: 250 }));
  expect(rowsOf(items, undefined, [own])).toEqual([{ limit: 'requests_per_day', used: 3, ofPlan: undefined, own }]);
  expect(rowsOf(items, undefined, [])).toMatchObject([{ ofPlan: 250, own: undefined }]);
});

it('sends no more than what was changed of an organization', () => {
  const acme = { name: 'Acme', slug: 'acme', plan: 'free' };
  expect(patchOf(acme, { ...acme, name: ' Acme ' })).toEqual({});
  expect(patchOf(acme, { name: 'Acme Ltd', slug: 'acme', plan: 'pro' })).toEqual({ name: 'Acme Ltd', plan: 'pro' });
});

describe('usage of all organizations', () => {
  const shares = Array.from({ length: 60 }, (_, index) => ({ org: `org_${index}`, name: `Org ${index}`, slug: `o-${index}`, value: '1' }));
  it('is narrowed by name and address', () => {
    expect(matching(shares, ' ORG 59 ').map(({ slug }) => slug)).toEqual(['o-59']);
    expect(matching(shares, 'o-5')).toHaveLength(11);
  });
  it('is turned page by page, and never beyond the last', () => {
    expect(pageOf(shares, 1)).toMatchObject({ from: 1, to: 25, current: 1, last: 3 });
    expect(pageOf(shares, 9)).toMatchObject({ from: 51, to: 60, current: 3, last: 3 });
    expect(pageOf(shares, 3).rows).toHaveLength(10);
  });
});
