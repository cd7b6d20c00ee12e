import { describe, expect, it } from 'vitest';
import { keysSearch, organizationIn, safeReturn, usageSearch } from './search';

describe('the return path', () => {
  it.each(['/', '/o/acme/keys?q=x'])('may be %s', (path) => {
    expect(safeReturn(path)).toBe(path);
  });
  it.each(['https://evil.example', '//evil.example', '/\\evil.example', 'javascript:alert(1)', '', 7, undefined])('may not be %s', (path) => {
    expect(safeReturn(path)).toBeUndefined();
  });
});

it('drops what an address may not say', () => {
  expect(keysSearch({ q: 42, status: 'nonsense', sort: 'name', desc: true, other: 1 })).toEqual({ q: '42', sort: 'name', desc: true });
  expect(usageSearch({ range: '1y', view: 'table' })).toEqual({ view: 'table' });
});

it('finds the organization in an address', () => {
  expect(organizationIn('/o/acme/keys')).toBe('acme');
  expect(organizationIn('/account')).toBeUndefined();
});
