import type { OrganizationShare } from '../../../api/types';

const ON_A_PAGE = 25;

/** Those whose name or address has all of it somewhere. */
export function matching(shares: readonly OrganizationShare[], q: string): OrganizationShare[] {
  const words = q.trim().toLowerCase();
  return shares.filter(({ name, slug }) => words === '' || [name, slug].some((text) => text.toLowerCase().includes(words)));
}

/** A page of a list that isn't empty, counted from 1; the last one, where there are fewer. */
export function pageOf<T>(items: readonly T[], page: number): { rows: readonly T[]; from: number; to: number; current: number; last: number } {
  const last = Math.max(1, Math.ceil(items.length / ON_A_PAGE));
  const current = Math.min(page, last);
  const rows = items.slice((current - 1) * ON_A_PAGE, current * ON_A_PAGE);
  const from = (current - 1) * ON_A_PAGE + 1;
  return { rows, from, to: from + rows.length - 1, current, last };
}
