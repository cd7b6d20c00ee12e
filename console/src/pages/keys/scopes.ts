// Permissions are `resource:verb`; people choose by resource.

/** What Insula itself keeps for an organization. All else is the product's, and what a key is mostly made for. */
const OF_THE_ORGANIZATION = new Set([
  'alerts', 'audit', 'billing', 'branding', 'domains', 'keys', 'members', 'org', 'projects', 'roles', 'security', 'teams', 'usage', 'webhooks',
]);

export interface ScopeGroup {
  resource: string;
  scopes: string[];
}

export function groupScopes(permissions: readonly string[]): ScopeGroup[] {
  const groups = new Map<string, string[]>();
  for (const permission of permissions.toSorted()) {
    const resource = permission.split(':')[0] ?? permission;
    groups.set(resource, [...(groups.get(resource) ?? []), permission]);
  }
  return [...groups].map(([resource, scopes]) => ({ resource, scopes }));
}

/** The product's own groups, and those for the organization around it. */
export function ofWhom(groups: readonly ScopeGroup[]): { product: ScopeGroup[]; organization: ScopeGroup[] } {
  return {
    product: groups.filter(({ resource }) => !OF_THE_ORGANIZATION.has(resource)),
    organization: groups.filter(({ resource }) => OF_THE_ORGANIZATION.has(resource)),
  };
}

export function verbOf(scope: string): string {
  const colon = scope.indexOf(':');
  return colon === -1 ? scope : scope.slice(colon + 1);
}

/** `chosen` with all of `scopes` in or out, in a stable order. */
export function withScopes(chosen: readonly string[], scopes: readonly string[], include: boolean): string[] {
  const rest = chosen.filter((scope) => !scopes.includes(scope));
  return (include ? [...rest, ...scopes] : rest).toSorted();
}
