import type { QueryClient } from '@tanstack/react-query';

type Options = Parameters<QueryClient['query']>[0];

/** Starts fetching what a page is about to ask for. A failure is the page's to show, when it asks itself. */
export function begin(queryClient: QueryClient, options: unknown): void {
  // Each query knows its own types; here it is only started.
  queryClient.query(options as Options).catch(() => undefined);
}
