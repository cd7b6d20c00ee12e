import { request as httpRequest } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { AxeBuilder } from '@axe-core/playwright';
import { expect, test as base, type Browser, type Page } from '@playwright/test';

/** On every page: nothing is fetched from elsewhere, the content policy is kept, and no error goes uncaught. */
export const test = base.extend<{ quietPage: undefined }>({
  quietPage: [
    async ({ page, baseURL }, use) => {
      const wrong: string[] = [];
      page.on('pageerror', (error) => wrong.push(`uncaught: ${error.message}`));
      page.on('console', (message) => {
        if (message.text().includes('Content Security Policy')) wrong.push(message.text());
      });
      page.on('request', (request) => {
        const { protocol, origin } = new URL(request.url());
        if (protocol.startsWith('http') && origin !== new URL(baseURL ?? '').origin) wrong.push(`fetched from elsewhere: ${request.url()}`);
      });
      await use(undefined);
      expect(wrong).toEqual([]);
    },
    { auto: true },
  ],
});

export interface Member {
  slug: string;
  organization: string;
  email: string;
  password: string;
}

export const operator = {
  email: process.env['INSULA_OPERATOR_EMAIL'] ?? 'operator@example.com',
  password: process.env['INSULA_OPERATOR_PASSWORD'] ?? 'correct horse battery staple',
};

/** Nobody else's: tests share one installation, perhaps over many runs. */
export function somebody(): Member {
  const mark = `${Date.now().toString(36)}${Math.random().toString(36).slice(2, 6)}`;
  return { slug: `e2e-${mark}`, organization: `E2E ${mark}`, email: `e2e-${mark}@example.com`, password: `walnut orbit ${mark}` };
}

export async function signUp(page: Page, { testClock = false } = {}): Promise<Member> {
  const member = somebody();
  await page.goto('/console/register');
  await page.getByLabel('Organization name').fill(member.organization);
  await expect(page.getByLabel('Address', { exact: true })).toHaveValue(member.slug);
  await expect(page.getByText(`${member.slug} is available.`)).toBeVisible();
  if (testClock) await page.getByRole('checkbox', { name: /its time can be moved/ }).check();
  await page.getByLabel('Your name').fill('Aiko Tanaka');
  await page.getByLabel('E-mail address').fill(member.email);
  await page.getByLabel('Password', { exact: true }).fill(member.password);
  await page.getByRole('button', { name: 'Create organization' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Overview' })).toBeVisible();
  return member;
}

export async function signIn(page: Page, { email, password }: { email: string; password: string }): Promise<void> {
  await page.goto('/console/sign-in');
  await page.getByLabel('E-mail address').fill(email);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

/** Creates a key with every scope there is and returns its secret. Starts and ends on the page of the keys. */
export async function createKey(page: Page, name: string): Promise<string> {
  await page.getByRole('button', { name: 'Create key' }).click();
  const drawer = page.getByRole('dialog', { name: 'Create key' });
  await drawer.getByLabel('Name').fill(name);
  await drawer.getByRole('checkbox', { name: /^All of/ }).first().waitFor();
  for (const all of await drawer.getByRole('checkbox', { name: /^All of/ }).all()) await all.check();
  await drawer.getByRole('button', { name: 'Create key' }).click();
  const secret = await page.getByTestId('secret').textContent();
  await page.keyboard.press('Escape');
  await expect(page.getByTestId('secret')).toBeVisible();
  await page.getByRole('checkbox', { name: 'I have stored it' }).check();
  await page.getByRole('button', { name: 'Done' }).click();
  await expect(page.getByTestId('secret')).toBeHidden();
  return secret ?? '';
}

export interface Answer {
  status: number;
  /** Whole seconds, where the answer says when to come again. */
  retryAfter: number | undefined;
  /** The problem's code, where the answer is one. */
  code: string | undefined;
  /** As the answer names its request. */
  requestId: string;
  json: unknown;
}

export interface ApiCall {
  method: string;
  /** With the host by which the gateway knows the organization. */
  url: URL;
  headers: Record<string, string>;
  body?: string | undefined;
}

/** Calls the product's API. Hosts under `.localhost` needn't resolve here: the address is the server's own. */
export function callApi({ method, url, headers, body }: ApiCall, server: string): Promise<Answer> {
  const { hostname, port } = new URL(server);
  return new Promise((resolve, reject) => {
    const request = httpRequest({ hostname, port, path: url.pathname + url.search, method, headers: { ...headers, host: url.host, 'content-length': Buffer.byteLength(body ?? '') } }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const isJson = /json/.test(response.headers['content-type'] ?? '');
        const json = isJson ? (JSON.parse(Buffer.concat(chunks).toString()) as { code?: string }) : undefined;
        const retryAfter = response.headers['retry-after'];
        resolve({
          status: response.statusCode ?? 0,
          retryAfter: retryAfter === undefined ? undefined : Number(retryAfter),
          code: json?.code,
          requestId: String(response.headers['x-request-id'] ?? ''),
          json,
        });
      });
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}

/** Does what the curl line says. */
export function runCurl(line: string, server: string): Promise<Answer> {
  return callApi(
    {
      method: /-X (\w+)/.exec(line)?.[1] ?? 'GET',
      url: new URL(/'(https?:[^']+)'/.exec(line)?.[1] ?? ''),
      headers: Object.fromEntries([...line.matchAll(/-H '([^:]+): ([^']+)'/g)].map((match) => [match[1] ?? '', match[2] ?? ''])),
      body: /-d '([^']*)'/.exec(line)?.[1],
    },
    server,
  );
}

/** Calls until the quota is used up: how many were admitted, and the refusal. What comes too fast waits as long as it is told to. */
export async function useUp(call: () => Promise<Answer>): Promise<{ admitted: number; refused: Answer }> {
  let admitted = 0;
  for (;;) {
    const answer = await call();
    if (answer.status < 300) admitted += 1;
    else if (answer.code !== 'rate.limited') return { admitted, refused: answer };
    else await sleep((answer.retryAfter ?? 1) * 1_000);
  }
}

export async function expectAccessible(page: Page): Promise<void> {
  // What is still on its way, and colours in the middle of a transition, are nobody's choice. What never ends isn't waited for.
  await expect(page.locator('.skeleton')).toHaveCount(0);
  await page.waitForFunction(() => document.getAnimations().every(({ playState, effect }) => playState !== 'running' || effect?.getComputedTiming().endTime === Infinity));
  const { violations } = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']).analyze();
  const found = violations.map(({ id, help, nodes }) => ({ id, help, nodes: nodes.map((node) => `${node.target.join(' ')} ${node.failureSummary ?? ''}`) }));
  expect(found).toEqual([]);
}

/** Nothing stands out beyond the edge of the screen. */
export async function expectToFit(page: Page): Promise<void> {
  await expect(page.locator('.skeleton')).toHaveCount(0);
  expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBeLessThanOrEqual(0);
}

/** A page of somebody else's, in a browser of their own. */
export async function elsewhere(browser: Browser, baseURL: string | undefined): Promise<Page> {
  const context = await browser.newContext({ reducedMotion: 'reduce', locale: 'en-GB', viewport: { width: 1360, height: 860 }, ...(baseURL === undefined ? {} : { baseURL }) });
  return context.newPage();
}

/** The operator's page about one organization, in a browser of its own. */
export async function asOperator(browser: Browser, baseURL: string | undefined, member: Member): Promise<Page> {
  const page = await elsewhere(browser, baseURL);
  await signIn(page, operator);
  await page.getByRole('link', { name: 'Organizations', exact: true }).click();
  await page.getByRole('searchbox', { name: 'Search organizations' }).fill(member.slug);
  await page.getByRole('link', { name: member.organization }).click();
  await expect(page.getByRole('heading', { level: 1, name: member.organization })).toBeVisible();
  return page;
}

/** Moves an organization's clock ahead, on the operator's page about it. */
export async function advance(office: Page, days: 7 | 31): Promise<void> {
  await office.getByRole('button', { name: 'Advance the test clock' }).click();
  const dialog = office.getByRole('dialog');
  await dialog.getByRole('button', { name: `+${days} days` }).click();
  await dialog.getByRole('button', { name: 'Advance' }).click();
  await expect(dialog.getByRole('status')).toContainText('The clock stands at');
  await dialog.getByRole('button', { name: 'Close' }).first().click();
  await expect(dialog).toBeHidden();
}
