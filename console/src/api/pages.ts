/** A list as the API answers it. */
interface Page<T> {
  items: T[];
  next_cursor?: string | null;
}

/** A list as the console shows it: whole, unless it is longer than anyone would read. */
export interface Listed<T> {
  items: T[];
  truncated: boolean;
}

export const PAGE_SIZE = 200;
const MAX_PAGES = 5;

/** Follows cursors up to 1 000 items, so that search and sort on the page speak of the whole list. */
export async function collect<T>(fetchPage: (cursor: string | undefined) => Promise<Page<T>>): Promise<Listed<T>> {
  const items: T[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const reply = await fetchPage(cursor);
    items.push(...reply.items);
    if (reply.next_cursor === null || reply.next_cursor === undefined) return { items, truncated: false };
    cursor = reply.next_cursor;
  }
  return { items, truncated: true };
}

/** Leaves absent query parameters out: `cursor=undefined` is not what anybody means. */
export function paging(cursor: string | undefined): { limit: number; cursor?: string } {
  return cursor === undefined ? { limit: PAGE_SIZE } : { limit: PAGE_SIZE, cursor };
}
