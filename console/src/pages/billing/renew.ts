import type { QueryClient } from '@tanstack/react-query';

/** After a change: everything of the organization may be otherwise, its plan, limits and invoices. */
export async function renewBilling(queryClient: QueryClient, org: string): Promise<void> {
  await queryClient.invalidateQueries({ queryKey: ['org', org] });
}
