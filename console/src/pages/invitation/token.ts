// The token of an invitation, out of the address that it came in: kept in memory, so that neither the browser's history
// nor a copied address hands it on.
let kept: string | undefined;

/** The token in what stands behind the `#` of an address. */
export function tokenIn(hash: string): string | undefined {
  return new URLSearchParams(hash.replace(/^#/, '')).get('token') ?? undefined;
}

export function keepToken(token: string): void {
  kept = token;
}

export function keptToken(): string | undefined {
  return kept;
}

export function forgetToken(): void {
  kept = undefined;
}
