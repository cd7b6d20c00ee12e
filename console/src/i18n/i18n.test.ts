import { describe, expect, it } from 'vitest';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { en as main } from './en';
import { billing as enBilling } from './en-billing';
import { operator as enOperator } from './en-operator';
import { formatter } from './format';
import { ja as jaMain } from './ja';
import { billing as jaBilling } from './ja-billing';
import { operator as jaOperator } from './ja-operator';
import { humanize, translator, translateWord } from './translate';

const en = { ...main, ...enBilling, ...enOperator };
const ja = { ...jaMain, ...jaBilling, ...jaOperator };
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

it('never asks for a text of an area outside of it', () => {
  const areas = [
    { part: enBilling, within: /^pages\/(billing|operator)\// },
    { part: enOperator, within: /^pages\/operator\// },
  ];
  const sources = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((name) => /\.tsx?$/.test(name) && !/^(i18n|test)\/|\.test\./.test(name));
  expect(sources.length).toBeGreaterThan(100);
  const astray = sources.flatMap((name) => {
    const text = readFileSync(join('src', name), 'utf8');
    // `t('billing.title')`, `t(`billing.${…}`)`, `word('invoice.status', …)`
    const asked = [...text.matchAll(/'([a-z][A-Za-z_]*(?:\.[A-Za-z_]+)+)'/g)].map((match) => match[1] ?? '');
    const groups = [...text.matchAll(/\bt\(`([\w.]+\.)\$|\bword\('([\w.]+)'/g)].map((match) => match[1] ?? `${match[2] ?? ''}.`);
    return areas
      .filter(({ within }) => !within.test(name))
      .flatMap(({ part }) => [...asked.filter((key) => key in part), ...groups.filter((group) => Object.keys(part).some((key) => key.startsWith(group)))])
      .map((key) => `${name}: ${key}`);
  });
  expect(astray).toEqual([]);
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
