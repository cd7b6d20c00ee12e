import { describe, expect, it } from 'vitest';
import { renamePointer, toRequest, type NewKey } from './new-key';
import { groupScopes, ofWhom, withScopes } from './scopes';

const NOW = Date.parse('2026-01-01T00:00:00Z');
const plain: NewKey = { name: ' Crawler ', environment: 'production', scopes: ['a:read'], expiry: 'never' };

describe('what the form sends', () => {
  it('leaves out what was left empty', () => {
    expect(toRequest({ ...plain, networks: ' \n', rate: { per_second: null } }, NOW, 'requests_per_second')).toEqual({ name: 'Crawler', environment: 'production', scopes: ['a:read'] });
  });
  it('carries the project and limits of its own', () => {
    expect(toRequest({ ...plain, project: 'prj_1', own: { jobs: 2, pages: null }, rate: { per_second: 5 } }, NOW, 'per_second')).toMatchObject({
      project: 'prj_1',
      limits: { per_second: { per_second: 5 }, jobs: 2 },
    });
  });
  it('carries networks, rate and expiry', () => {
    expect(toRequest({ ...plain, networks: '10.0.0.0/8\n203.0.113.0/24', rate: { per_second: 5, burst: 10 }, expiry: '30' }, NOW, 'per_second')).toMatchObject({
      allowed_networks: ['10.0.0.0/8', '203.0.113.0/24'],
      limits: { per_second: { per_second: 5, burst: 10 } },
      expires_at: '2026-01-31T00:00:00.000Z',
    });
  });
});

it('leads the API’s pointers to the form’s fields', () => {
  expect(renamePointer('/allowed_networks/0', 'never')).toBe('/networks');
  expect(renamePointer('/expires_at', 'date')).toBe('/expires_on');
  expect(renamePointer('/limits/requests_per_second/burst', 'never', 'requests_per_second')).toBe('/rate/per_second');
  expect(renamePointer('/limits/requests_per_day', 'never', 'requests_per_second')).toBe('/own/requests_per_day');
  expect(renamePointer('/name', 'never')).toBe('/name');
});

it('groups scopes by resource and takes a group in or out', () => {
  expect(groupScopes(['b:read', 'a:write', 'a:read'])).toEqual([
    { resource: 'a', scopes: ['a:read', 'a:write'] },
    { resource: 'b', scopes: ['b:read'] },
  ]);
  expect(withScopes(['b:read', 'a:read'], ['a:read', 'a:write'], true)).toEqual(['a:read', 'a:write', 'b:read']);
  expect(withScopes(['b:read', 'a:read'], ['a:read', 'a:write'], false)).toEqual(['b:read']);
});

it('tells the product’s scopes from those for the organization', () => {
  const { product, organization } = ofWhom(groupScopes(['billing:read', 'scraping:read', 'keys:read']));
  expect([product, organization].map((groups) => groups.map(({ resource }) => resource))).toEqual([['scraping'], ['billing', 'keys']]);
});
