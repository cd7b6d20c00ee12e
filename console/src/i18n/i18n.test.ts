import { describe, expect, it } from 'vitest';
import { en } from './en';
import { formatter } from './format';
import { ja } from './ja';
import { humanize, translator, translateWord } from './translate';

const namesIn = (text = '') => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).toSorted().join(' ');

describe('the languages', () => {
  it('have the same keys, filling in the same names', () => {
    const english: Partial<Record<string, string>> = en;
    const japanese: Partial<Record<string, string>> = ja;
    expect({
      missingInJapanese: Object.keys(en).filter((key) => !(key in ja)),
      missingInEnglish: Object.keys(ja).filter((key) => !(key in en)),
      otherNames: Object.keys(en).filter((key) => namesIn(japanese[key]) !== namesIn(english[key])),
    }).toEqual({ missingInJapanese: [], missingInEnglish: [], otherNames: [] });
  });
  it('leave no text empty', () => {
    expect([...Object.values(en), ...Object.values(ja)].filter((text) => text.trim() === '')).toEqual([]);
  });
});

it('fills names in', () => {
  expect(translator(en)('overview.used', { used: 3, limit: '1,000' })).toBe('3 of 1,000');
});

it('shows the server’s own word where there is no translation', () => {
  expect(translateWord(ja, 'status', 'active')).toBe('有効');
  expect(translateWord(ja, 'status', 'brand_new')).toBe('Brand new');
  expect(humanize('requests_per_day')).toBe('Requests per day');
});

describe('formats', () => {
  it('writes money in its own decimals', () => {
    const { money } = formatter('en');
    expect(money({ amount: '29.00', currency: 'USD' })).toBe('$29');
    expect(money({ amount: '29.50', currency: 'USD' })).toBe('$29.50');
    expect(formatter('ja').money({ amount: '29800', currency: 'JPY' })).toMatch(/^[¥￥]29,800$/);
  });
  it('says how far off an instant is', () => {
    const now = Date.parse('2026-01-01T00:00:00Z');
    expect(formatter('en').relative('2026-01-01T05:30:00Z', now)).toBe('in 5 hours');
    expect(formatter('en').relative('2025-12-30T00:00:00Z', now)).toBe('2 days ago');
  });
});
