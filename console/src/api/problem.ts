import type { components } from './schema';

type ProblemBody = components['schemas']['Problem'];
export type ProblemField = components['schemas']['ProblemField'];

/** Codes of ours, for failures in which no server had a word. */
export const UNREACHABLE = 'console.unreachable';
export const UNREADABLE = 'console.unreadable';

/** What went wrong, in the API's own words (RFC 9457). The only error that `src/api` throws. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  readonly requestId: string | undefined;
  readonly errors: readonly ProblemField[];
  readonly retryAfterSeconds: number | undefined;

  constructor(problem: Partial<ProblemBody> & { status: number }, headers?: Headers) {
    super(problem.detail ?? problem.title ?? `HTTP ${problem.status}`);
    this.status = problem.status;
    this.code = problem.code ?? UNREADABLE;
    this.title = problem.title ?? `HTTP ${problem.status}`;
    this.detail = problem.detail ?? '';
    this.requestId = problem.request_id ?? headers?.get('x-request-id') ?? undefined;
    this.errors = problem.errors ?? [];
    const wait = Number(headers?.get('retry-after') ?? Number.NaN);
    this.retryAfterSeconds = Number.isFinite(wait) ? wait : undefined;
  }

  /** Worth asking again without a change: nobody answered, or the server says it is its own fault. */
  get isTransient(): boolean {
    return this.status === 0 || this.status >= 500;
  }
}

export function asProblem(error: unknown): ProblemError {
  if (error instanceof ProblemError) return error;
  return new ProblemError({ status: 0, code: UNREADABLE, title: 'Error', detail: error instanceof Error ? error.message : String(error) });
}
