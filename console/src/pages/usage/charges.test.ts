import { expect, it } from 'vitest';
import { isFree, totalsOf, type Charge } from './charges';

const charge = (exact: string, currency = 'USD'): Charge => ({
  meter: 'pages',
  limit: null,
  plan: 'pro',
  plan_version: 1,
  price: { model: 'unit', unit: '1' },
  exact,
  amount: { amount: '0.00', currency },
});

it('adds charges up exactly, each currency by itself', () => {
  expect(totalsOf([charge('0.1'), charge('7', 'JPY'), charge('0.2'), charge('-0.000000000001')])).toEqual([
    { currency: 'USD', exact: '0.299999999999' },
    { currency: 'JPY', exact: '7' },
  ]);
  expect(totalsOf([charge('1/3'), charge('0.5')])).toEqual([{ currency: 'USD', exact: '5/6' }]);
  expect(totalsOf([charge('1/3'), charge('2/3')])).toEqual([{ currency: 'USD', exact: '1' }]);
  expect(totalsOf([charge('-0.5'), charge('0.25')])).toEqual([{ currency: 'USD', exact: '-0.25' }]);
  expect(totalsOf([])).toEqual([]);
});

it('knows what adds nothing to the bill', () => {
  expect([charge('0'), charge('0.00'), charge('0.0001'), charge('1/3')].map(isFree)).toEqual([true, true, false, false]);
});
