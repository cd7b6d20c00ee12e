// Permissions are `resource:verb`; people choose by resource.

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

export function verbOf(scope: string): string {
  const colon = scope.indexOf(':');
  return colon === -1 ? scope : scope.slice(colon + 1);
}

/** `chosen` with all of `scopes` in or out, in a stable order. */
export function withScopes(chosen: readonly string[], scopes: readonly string[], include: boolean): string[] {
  const rest = chosen.filter((scope) => !scopes.includes(scope));
  return (include ? [...rest, ...scopes] : rest).toSorted();
}
