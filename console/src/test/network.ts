// Replaces the network at its one seam. A request that no handler answers fails the test by name.
import { vi } from 'vitest';

export interface Asked {
  method: string;
  path: string;
  query: URLSearchParams;
  token: string | null;
  headers: Headers;
  body: unknown;
}

export interface Answer {
  status: number;
  body?: unknown;
  headers?: Record<string, string>;
}

type Handler = (asked: Asked) => Answer | Promise<Answer>;

export const ok = (body: unknown): Answer => ({ status: 200, body });

export function problem(status: number, code: string, extra: Record<string, unknown> = {}, headers: Record<string, string> = {}): Answer {
  return { status, body: { type: 'about:blank', title: code, status, detail: `${code} happened`, code, request_id: 'req_test', ...extra }, headers };
}

/** Handlers by "METHOD /path". Returns what was asked, in order. */
export function network(handlers: Record<string, Handler>): Asked[] {
  const log: Asked[] = [];
  vi.stubGlobal('fetch', async (input: string, init: RequestInit) => {
    const url = new URL(input, 'http://localhost');
    const headers = new Headers(init.headers);
    const method = init.method ?? 'GET';
    const asked: Asked = {
      method,
      path: url.pathname,
      query: url.searchParams,
      token: headers.get('authorization')?.replace('Bearer ', '') ?? null,
      headers,
      body: typeof init.body === 'string' ? (JSON.parse(init.body) as unknown) : undefined,
    };
    log.push(asked);
    const handler = handlers[`${method} ${url.pathname}`];
    const answer = handler === undefined ? problem(404, `test.unhandled ${method} ${url.pathname}`) : await handler(asked);
    const type = answer.status >= 400 ? 'application/problem+json' : 'application/json';
    return new Response(answer.body === undefined ? null : JSON.stringify(answer.body), { status: answer.status, headers: { 'content-type': type, ...answer.headers } });
  });
  return log;
}
