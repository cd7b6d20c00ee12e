// A typed call per operation of the OpenAPI document: path, parameters, body and answer come from `schema.d.ts`.
import { session } from '../auth/session';
import { ProblemError } from './problem';
import type { paths } from './schema';
import { type Sent, send } from './transport';

type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';
type OperationAt<P extends keyof paths, M extends Method> = NonNullable<paths[P][M]>;

type PathOf<T> = T extends { parameters: { path: infer V extends object } } ? { path: V } : { path?: never };
type QueryOf<T> = T extends { parameters: { query: infer V extends object } }
  ? { query: V }
  : T extends { parameters: { query?: infer V } }
    ? { query?: Exclude<V, undefined> }
    : { query?: never };
type BodyOf<T> = T extends { requestBody: { content: { 'application/json': infer V } } } ? { body: V } : { body?: never };
type JsonOf<T> = T extends { content: { 'application/json': infer V } } ? V : undefined;
type SuccessOf<T> = T extends { responses: infer R } ? JsonOf<R[keyof R & (200 | 201 | 202 | 204)]> : never;

type Extra = { idempotencyKey?: string | undefined; signal?: AbortSignal | undefined };
export type Options<T> = PathOf<T> & QueryOf<T> & BodyOf<T> & Extra;

interface Untyped extends Extra {
  path?: Record<string, string>;
  query?: Record<string, unknown>;
  body?: unknown;
}

export function buildUrl(template: string, { path = {}, query = {} }: Untyped): string {
  const filled = template.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(path[name] ?? ''));
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') search.set(name, String(value));
  }
  return search.size > 0 ? `${filled}?${search}` : filled;
}

/** A call that needs no credential. */
export async function callPublic<P extends keyof paths, M extends Method>(
  method: M,
  template: P,
  options: Options<OperationAt<P, M>>,
): Promise<SuccessOf<OperationAt<P, M>>> {
  const { body, idempotencyKey, signal } = options as Untyped;
  const reply = await send({ method: method.toUpperCase(), url: buildUrl(template, options), body, idempotencyKey, signal });
  return reply.body as SuccessOf<OperationAt<P, M>>;
}

/** A call as the signed-in person. An expired token is refreshed once; when that fails too, the session is over. */
export async function call<P extends keyof paths, M extends Method>(
  method: M,
  template: P,
  options: Options<OperationAt<P, M>>,
): Promise<SuccessOf<OperationAt<P, M>>> {
  const { body, idempotencyKey, signal } = options as Untyped;
  const url = buildUrl(template, options);
  return (await sendSignedIn({ method: method.toUpperCase(), url, body, idempotencyKey, signal })) as SuccessOf<OperationAt<P, M>>;
}

/** The same for an operation that answers with a file. */
export async function callFile<P extends keyof paths>(template: P, options: Options<OperationAt<P, 'get'>>): Promise<Blob> {
  return (await sendSignedIn({ method: 'GET', url: buildUrl(template, options), isFile: true })) as Blob;
}

async function sendSignedIn(request: Omit<Sent, 'token'>): Promise<unknown> {
  const token = session.token;
  try {
    return (await send({ ...request, token })).body;
  } catch (error) {
    if (!(error instanceof ProblemError) || error.status !== 401) throw error;
    if (!(await session.renew(token))) throw error;
  }
  try {
    return (await send({ ...request, token: session.token })).body;
  } catch (error) {
    if (error instanceof ProblemError && error.status === 401) session.end();
    throw error;
  }
}
