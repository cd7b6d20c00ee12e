const MAX_LENGTH = 40;

/** An address to suggest for a name: "Café Zürich & Co." → "cafe-zurich-co". Empty when no Latin letter remains. */
export function suggestSlug(name: string): string {
  return name
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, MAX_LENGTH)
    .replace(/^-+|-+$/g, '');
}
