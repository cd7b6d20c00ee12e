// Who is signed in, in this tab. The access token lives in memory only; the refresh token is an HttpOnly cookie that
// this code never sees. An access token is for one organization, so two tabs may hold two.
import { ProblemError } from '../api/problem';
import { send } from '../api/transport';
import type { Organization, TokenReply } from '../api/types';

type State =
  | { status: 'unknown' }
  | { status: 'out' }
  | { status: 'in'; token: string; organization: Organization | null };

const LAST_ORGANIZATION = 'insula.organization';

export class Session {
  #state: State = { status: 'unknown' };
  #renewing: Promise<boolean> | undefined;
  readonly #listeners = new Set<() => void>();

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Stable between changes, as `useSyncExternalStore` asks. */
  snapshot = (): State => this.#state;

  get token(): string | undefined {
    return this.#state.status === 'in' ? this.#state.token : undefined;
  }

  get organization(): Organization | null {
    return this.#state.status === 'in' ? this.#state.organization : null;
  }

  /** After a sign-in, a sign-up or a switch. */
  begin(granted: { access_token: string; organization: Organization | null }): void {
    if (granted.organization !== null) localStorage.setItem(LAST_ORGANIZATION, granted.organization.slug);
    this.#set({ status: 'in', token: granted.access_token, organization: granted.organization });
  }

  end(): void {
    this.#set({ status: 'out' });
  }

  /** The first thing a page does: goes on where the cookie says, preferably in the organization the address names. */
  async restore(organization?: string): Promise<boolean> {
    if (this.#state.status !== 'unknown') return this.#state.status === 'in';
    return this.#once(organization ?? localStorage.getItem(LAST_ORGANIZATION) ?? undefined);
  }

  /** After a 401 with `stale`. Callers that come together share one refresh; whoever comes late uses its result. */
  async renew(stale: string | undefined): Promise<boolean> {
    if (this.#renewing === undefined && this.token !== undefined && this.token !== stale) return true;
    return this.#once(this.organization?.slug);
  }

  #once(organization: string | undefined): Promise<boolean> {
    this.#renewing ??= exclusively(() => this.#refresh(organization)).finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  async #refresh(organization: string | undefined): Promise<boolean> {
    try {
      const body = organization === undefined ? {} : { organization };
      const reply = await send({ method: 'POST', url: '/v1/token/refresh', body: { ...body, client: 'browser' } });
      this.begin(reply.body as TokenReply);
      return true;
    } catch (error) {
      if (!(error instanceof ProblemError) || error.isTransient || error.status === 429) throw error;
      // The cookie may be good though the organization is not, or not any more: a kept name must not sign anybody out.
      if (organization !== undefined && error.status !== 401) return this.#refresh(undefined);
      this.end();
      return false;
    }
  }

  #set(state: State): void {
    this.#state = state;
    for (const listener of this.#listeners) listener();
  }
}

/** Tabs share the cookie, and each refresh replaces it: one tab at a time, where the browser offers locks. */
async function exclusively<T>(act: () => Promise<T>): Promise<T> {
  const locks = (navigator as Partial<Navigator>).locks;
  return locks === undefined ? act() : await locks.request('insula.refresh', act);
}

export const session = new Session();
