import { QueryClient } from '@tanstack/react-query';
import { ProblemError } from '../api/problem';

const RETRIES = 2;
/**
 * Long enough that the parts of a page share what its route began to fetch, and no longer: whoever opens a page expects
 * what is so now, such as the member who has just joined.
 */
const SHARED_MS = 1_000;

export function makeQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: SHARED_MS,
        // A refusal stays a refusal; only silence and the server's own faults are worth asking again.
        retry: (failures, error) => failures < RETRIES && error instanceof ProblemError && error.isTransient,
      },
      mutations: { retry: false },
    },
  });
}
