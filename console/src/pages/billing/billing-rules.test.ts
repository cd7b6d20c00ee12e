import { describe, expect, it } from 'vitest';
import { formatter } from '../../i18n/format';
import { free, invoice, line, pro, subscription, usd } from '../../test/samples';
import { csv } from '../../ui/csv';
import { currenciesOf, intervalsOf, limitsOf, priceFor } from './catalogue';
import { countries } from './countries';
import { csvOf, fileNameOf } from './invoice-files';
import { actsIn, daysUntil, differences, situationOf, timeOf } from './standing';
import { ofMinor, opens, readWork } from './work';

const LATER = '2026-02-01T00:00:00Z';

describe('where a subscription stands', () => {
  it.each([
    [subscription(), 'active', ['pause', 'cancel']],
    [subscription({ cancel_at: LATER }), 'ending', ['reactivate']],
    [subscription({ status: 'trialing', trial_end: LATER }), 'trialing', ['activate', 'cancel']],
    [subscription({ status: 'trialing', trial_end: LATER, pays: true }), 'trial_pays', ['activate', 'cancel']],
    [subscription({ status: 'past_due', trial_end: LATER }), 'trial_over', ['activate', 'cancel']],
    [subscription({ status: 'past_due' }), 'past_due', ['cancel']],
    [subscription({ status: 'paused' }), 'paused', ['resume', 'cancel']],
    [subscription({ status: 'canceled' }), 'canceled', ['reactivate']],
  ] as const)('is said with what can be done (%#)', (given, situation, acts) => {
    expect(situationOf(given)).toBe(situation);
    expect(actsIn(situation)).toEqual(acts);
  });
  it('counts started days in the organization’s own time', () => {
    const moved = subscription({ test_clock: '2026-01-30T23:00:00Z' });
    expect(daysUntil(LATER, timeOf(moved))).toBe(2);
    expect(daysUntil(LATER, Date.parse('2026-03-01T00:00:00Z'))).toBe(0);
  });
  it('names what a change changes, add-ons each by itself', () => {
    expect(differences(subscription({ add_ons: { reports: 1 } }), subscription({ plan: 'pro', add_ons: { search: 2 } }))).toEqual([
      { what: 'plan', name: 'plan', before: 'free', after: 'pro' },
      { what: 'add_on', name: 'reports', before: '1', after: '0' },
      { what: 'add_on', name: 'search', before: '0', after: '2' },
    ]);
  });
});

describe('plans side by side', () => {
  const prices = [
    { interval: 'month' as const, price: usd('29') },
    { interval: 'year' as const, price: usd('290') },
    { interval: 'month' as const, price: { amount: '4350', currency: 'JPY' } },
  ];
  it('show the price that was chosen, or the nearest in its currency', () => {
    expect(priceFor(prices, { interval: 'year', currency: 'USD' })?.price.amount).toBe('290');
    expect(priceFor(prices, { interval: 'year', currency: 'JPY' })?.price.amount).toBe('4350');
    expect(priceFor(prices, { interval: 'month', currency: 'EUR' })).toBeUndefined();
  });
  it('offer what any of them has', () => {
    const both = [free, { ...pro, prices }];
    expect(intervalsOf(both)).toEqual(['month', 'year']);
    expect(currenciesOf(both)).toEqual(['USD', 'JPY']);
  });
  it('leave out limits that bound nobody', () => {
    const open = { key: 'teams', kind: 'stock' as const, window: null, limit: null };
    expect(limitsOf([{ ...free, limits: [...free.limits, open] }])).toEqual(['requests_per_day']);
  });
});

describe('how an amount came about', () => {
  it('is read as far as it is known', () => {
    const windows = [{ window: LATER, beyond: '3' }];
    const work = readWork({ counted: [10, 31], share: '10/31', steps: [{ what: 'units', amount: '1' }, 7], windows, bound: 5, rated: { exact: '1.5' } });
    expect(work).toEqual({ counted: { part: 10, whole: 31, by: 'day' }, share: '10/31', steps: [{ what: 'units', amount: '1' }], windows, rated: { exact: '1.5' } });
    expect(readWork(null)).toEqual({});
  });
  it('opens where there is something to see', () => {
    expect(opens(line())).toBe(true);
    expect(opens(line({ work: {}, meter: 'requests', events: 2 }))).toBe(true);
    expect(opens(line({ work: {}, meter: 'requests', events: 0 }))).toBe(false);
  });
  it('reads minor units in the currency’s own decimals', () => {
    expect(ofMinor(-1234, 'USD').amount).toBe('-12.34');
    expect(ofMinor(5, 'USD').amount).toBe('0.05');
    expect(ofMinor(4350, 'JPY').amount).toBe('4350');
  });
});

describe('an invoice as a file', () => {
  it('is CSV whose amounts add up to the total', () => {
    const taxes = [{ name: 'Tax, local', percent: '10', inclusive: false, base: usd('19.65'), amount: usd('1.97') }];
    const rows = csvOf(invoice({ taxes, total: usd('21.62'), lines: [line({ description: 'Pro "year", rest' })] })).split('\r\n');
    expect(rows[1]).toBe('INV-000001,1,charge,plan:pro,"Pro ""year"", rest",2026-01-11T00:00:00Z,2026-02-01T00:00:00Z,1,19.65,USD,,,');
    expect(rows[2]).toBe('INV-000001,,tax,,"Tax, local 10%",,,,1.97,USD,,,');
    expect(rows[3]).toBe('');
  });
  it('is called by its number', () => {
    const unnumbered = [invoice({ number: null, status: 'upcoming' }), invoice({ number: null, status: 'draft' })];
    expect([invoice(), ...unnumbered].map(fileNameOf)).toEqual(['INV-000001', 'upcoming-invoice', 'inv_1']);
  });
  it('quotes what RFC 4180 asks to', () => {
    expect(csv(['a', 'b'], [['x\ny', null], ['"', 1]])).toBe('a,b\r\n"x\ny",\r\n"""",1\r\n');
  });
});

describe('formats', () => {
  it('write amounts with all decimals of the currency, and unit prices with all they have', () => {
    const { amount, unitPrice, exact } = formatter('en');
    expect(amount(usd('29'))).toBe('$29.00');
    expect(amount({ amount: '4350', currency: 'JPY' })).toBe('¥4,350');
    expect(unitPrice('0.00002', 'USD')).toBe('$0.00002');
    expect(exact('1234567890123456789.5')).toBe('1,234,567,890,123,456,789.5');
    expect(exact('21/31')).toBe('21 / 31');
  });
  it('follow the organization’s calendar', () => {
    expect(formatter('en').dateIn('2026-01-31T15:00:00Z', 'Asia/Tokyo')).toBe('Feb 1, 2026');
  });
});

it('knows every country by its name in the reader’s language', () => {
  expect(countries('ja').find(({ value }) => value === 'JP')?.label).toBe('日本');
  expect(countries('en')).toHaveLength(249);
});
