/** How quantities of several organizations add up. */
const ADDS_UP: readonly (string | undefined)[] = ['count', 'sum'];

/**
 * The meters of a blueprint whose quantities add up over organizations, in its order. It reads the tables `[meters.<name>]`
 * as people write them; the server alone knows the whole language.
 */
export function metersOf(source: string): string[] {
  const tables = source.split(/^(?=\s*\[)/m);
  return tables.flatMap((table) => {
    const name = /^\s*\[\s*meters\s*\.\s*"?([\w-]+)"?\s*\]/.exec(table)?.[1];
    const aggregate = /^\s*aggregate\s*=\s*["'](\w+)["']/m.exec(table)?.[1];
    return name !== undefined && ADDS_UP.includes(aggregate) ? [name] : [];
  });
}
