// Secrets of keys made in this tab, in memory until it closes or signs out: the quick start fills them in, nothing
// stores them.
interface Kept {
  keyId: string;
  secret: string;
}

const kept = new Map<string, Kept>();

export function keepSecret(org: string, keyId: string, secret: string): void {
  kept.set(org, { keyId, secret });
}

export function latestSecret(org: string): string | undefined {
  return kept.get(org)?.secret;
}

export function forgetSecret(org: string, keyId: string): void {
  if (kept.get(org)?.keyId === keyId) kept.delete(org);
}

export function forgetSecrets(): void {
  kept.clear();
}
