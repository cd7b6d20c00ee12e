// The one file that touches `fetch`. Tests replace the network here; nothing else in the console may reach it.
import { ProblemError, UNREACHABLE } from './problem';

export interface Sent {
  method: string;
  url: string;
  token?: string | undefined;
  body?: unknown;
  idempotencyKey?: string | undefined;
  signal?: AbortSignal | undefined;
  /** Whether a success is a file, which is handed on as a `Blob`. */
  isFile?: boolean | undefined;
}

export interface Received {
  status: number;
  headers: Headers;
  body: unknown;
}

/** Sends one request and reads its JSON, or its file. Throws `ProblemError` for whatever isn't a success. */
export async function send({ method, url, token, body, idempotencyKey, signal, isFile }: Sent): Promise<Received> {
  const headers = new Headers({ accept: isFile === true ? '*/*' : 'application/json, application/problem+json' });
  if (token !== undefined) headers.set('authorization', `Bearer ${token}`);
  if (body !== undefined) headers.set('content-type', 'application/json');
  if (idempotencyKey !== undefined) headers.set('idempotency-key', idempotencyKey);

  let response: Response;
  try {
    response = await fetch(url, {
      method,
      headers,
      // The refresh cookie is the only one there is, and it belongs to this origin.
      credentials: 'same-origin',
      cache: 'no-store',
      body: body === undefined ? null : JSON.stringify(body),
      signal: signal ?? null,
    });
  } catch (error) {
    if (signal?.aborted === true) throw error;
    throw new ProblemError({ status: 0, code: UNREACHABLE, title: 'Unreachable' });
  }

  const content = isFile === true && response.ok ? await response.blob() : await readJson(response);
  if (!response.ok) {
    const problem = typeof content === 'object' && content !== null ? content : {};
    throw new ProblemError({ ...problem, status: response.status }, response.headers);
  }
  return { status: response.status, headers: response.headers, body: content };
}

async function readJson(response: Response): Promise<unknown> {
  if (response.status === 204 || !(response.headers.get('content-type') ?? '').includes('json')) return undefined;
  try {
    return (await response.json()) as unknown;
  } catch {
    return undefined;
  }
}
