import { QueryClient } from '@tanstack/react-query';
import { ProblemError } from '../api/problem';

const RETRIES = 2;

export function makeQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 10_000,
        // A refusal stays a refusal; only silence and the server's own faults are worth asking again.
        retry: (failures, error) => failures < RETRIES && error instanceof ProblemError && error.isTransient,
      },
      mutations: { retry: false },
    },
  });
}
