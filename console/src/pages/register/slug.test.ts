import { expect, it } from 'vitest';
import { suggestSlug } from './slug';

it.each([
  ['Acme', 'acme'],
  ['Café Zürich & Co.', 'cafe-zurich-co'],
  ['  --A  B--  ', 'a-b'],
  ['株式会社', ''],
  ['x'.repeat(60), 'x'.repeat(40)],
])('suggests for %s: %s', (name, slug) => {
  expect(suggestSlug(name)).toBe(slug);
});
