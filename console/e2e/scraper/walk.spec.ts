import { expect, type Page } from '@playwright/test';
import { advance, asOperator, callApi, expectAccessible, expectToFit, signUp, test, useUp, type Answer } from '../support';

const PER_DAY = 100;

/** Where the shop to scrape is. */
const shop = `http://127.0.0.1:${(JSON.parse(process.env['INSULA_E2E_PORTS'] ?? '{}') as Record<string, number>)['7102'] ?? 7102}`;

/** The product's API as a customer's program calls it, with a key. */
class Api {
  constructor(
    private readonly server: string,
    private readonly slug: string,
    private readonly key: string,
  ) {}

  call(method: string, path: string, body?: unknown): Promise<Answer> {
    const { port } = new URL(this.server);
    const url = new URL(path, `http://${this.slug}.scraper.localhost:${port}`);
    const json = body === undefined ? {} : { 'content-type': 'application/json' };
    return callApi({ method, url, headers: { authorization: `Bearer ${this.key}`, ...json }, body: body === undefined ? undefined : JSON.stringify(body) }, this.server);
  }
}

/** Makes a project, and in it a key that may scrape; starts anywhere in the organization and ends on the project's page. */
async function createProjectWithKey(page: Page): Promise<string> {
  await page.getByRole('link', { name: 'Projects' }).click();
  await expect(page.getByText('No projects yet')).toBeVisible();
  await page.getByRole('button', { name: 'Create project' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name').fill('Spring sale');
  await dialog.getByRole('button', { name: 'Create project' }).click();
  await page.getByRole('link', { name: 'Spring sale' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Spring sale' })).toBeVisible();
  await page.getByRole('button', { name: 'Create key' }).click();
  const drawer = page.getByRole('dialog', { name: 'Create key' });
  await drawer.getByLabel('Name').fill('Agent');
  await drawer.getByRole('checkbox', { name: 'All of Scraping' }).check();
  await expect(drawer.getByText('Spring sale')).toBeVisible();
  await expectAccessible(page);
  await drawer.getByRole('button', { name: 'Create key' }).click();
  const secret = (await page.getByTestId('secret').textContent()) ?? '';
  await page.getByRole('checkbox', { name: 'I have stored it' }).check();
  await page.getByRole('button', { name: 'Done' }).click();
  await expect(page.getByRole('row', { name: /Agent/ })).toContainText('Active');
  return secret;
}

test('from sign-up to a bill, and to a revoked key', async ({ page, browser, baseURL }) => {
  test.slow();
  const server = baseURL ?? '';
  const member = await signUp(page, { testClock: true });
  const api = new Api(server, member.slug, await createProjectWithKey(page));

  // A job of the project, which the service behind the gateway does and reports.
  const job = await api.call('POST', '/api/jobs', { url: `${shop}/category/lamps`, selectors: { name: '.name', price: '.price' } });
  expect(job.status).toBeLessThan(300);
  await expect(async () => {
    await page.goto(`/console/o/${member.slug}/usage?meter=fetches`);
    await expect(page.getByTestId('usage-total')).toHaveText('1', { timeout: 2_000 });
  }).toPass();
  await expect(page.getByRole('combobox', { name: 'Meter' })).toBeVisible();
  await expectAccessible(page);

  // The request is explained by its id.
  await page.getByRole('link', { name: 'Explain a request' }).click();
  await page.getByLabel('Request id').fill(job.requestId);
  await page.getByRole('button', { name: 'Explain' }).click();
  await expect(page.getByText('Let through', { exact: true })).toBeVisible();
  await expect(page.getByText('POST /api/jobs')).toBeVisible();
  await expectAccessible(page);

  // The day's requests are used up: the console says so in red, and the API with 429.
  const { admitted, refused } = await useUp(() => api.call('GET', '/api/jobs'));
  expect(admitted).toBe(PER_DAY - 1);
  expect([refused.status, refused.code]).toEqual([429, 'quota.exhausted']);
  await page.goto(`/console/o/${member.slug}/usage?group=operation`);
  const bar = page.locator('[data-limit=requests_per_day]');
  await expect(bar).toContainText(`${PER_DAY} of ${PER_DAY}`);
  await expect(bar).toContainText('Limit reached');
  await expect(bar.getByRole('meter')).toHaveAttribute('data-level', 'full');
  await expect(page.getByRole('row', { name: /GET \/api\/jobs/ })).toContainText(String(PER_DAY - 1));
  await expectAccessible(page);
  await page.goto(`/console/o/${member.slug}/usage/explain?request=${refused.requestId}`);
  await expect(page.getByText('Refused', { exact: true })).toBeVisible();

  // More is bought, for what the preview says, and requests go on at once.
  await page.goto(`/console/o/${member.slug}/billing/plans`);
  await page.getByRole('button', { name: 'Choose Pro' }).click();
  const change = page.getByRole('dialog');
  await expect(change.getByText('Plan: Free → Pro')).toBeVisible();
  const due = (await change.getByTestId('due').textContent()) ?? '';
  await change.getByRole('button', { name: `Confirm and be charged ${due}` }).click();
  await expect(page.getByRole('heading', { level: 2, name: 'Pro' })).toBeVisible();
  expect((await api.call('GET', '/api/jobs')).status).toBe(200);
  await page.goto(`/console/o/${member.slug}/usage`);
  await expect(bar).toContainText(`${PER_DAY + 1} of 1,000`);

  // A month later there is a bill, each line of which opens to what it counts.
  const office = await asOperator(browser, baseURL, member);
  await office.getByRole('row', { name: /Change of plan/ }).getByRole('button', { name: /^Actions for/ }).click();
  await office.getByRole('menuitem', { name: 'Mark as paid' }).click();
  await office.getByRole('dialog').getByRole('button', { name: 'Mark as paid' }).click();
  await expect(office.getByRole('dialog')).toBeHidden();
  await advance(office, 31);
  await expect(office.getByRole('row', { name: /Billing period/ })).toContainText('29.00');
  await office.context().close();
  await page.goto(`/console/o/${member.slug}/billing/invoices`);
  const invoice = page.getByRole('row', { name: /Billing period/ });
  await expect(invoice).toContainText('US$29.00');
  await invoice.getByRole('link').click();
  await expect(page.getByTestId('due')).toHaveText('US$29.00');
  // What was used on the plan before stands by itself.
  await page.getByRole('button', { name: /^Requests/ }).first().click();
  const events = page.getByRole('region', { name: 'Events behind this line' });
  await expect(events.getByText(`Events: ${PER_DAY}.`)).toBeVisible();
  await expectAccessible(page);
  await expect(events.getByRole('link').first()).toHaveAttribute('href', /\/usage\/explain\?request=req_/);

  // The key is revoked where it was made, and refused from the next request on.
  await page.goto(`/console/o/${member.slug}/projects/spring-sale`);
  await page.getByRole('button', { name: 'Actions for Agent' }).click();
  await page.getByRole('menuitem', { name: 'Revoke' }).click();
  const dialog = page.getByRole('dialog', { name: 'Revoke Agent' });
  await dialog.getByLabel('Type Agent to confirm').fill('Agent');
  await dialog.getByRole('button', { name: 'Revoke key' }).click();
  await expect(page.getByRole('row', { name: /Agent/ })).toContainText('Revoked');
  expect((await api.call('GET', '/api/jobs')).status).toBe(401);
});

test.describe('on a phone', () => {
  test.use({ viewport: { width: 390, height: 844 } });

  test('a project with its key and its usage fits', async ({ page }) => {
    await signUp(page);
    await page.goto(`${page.url()}/projects`);
    await page.getByRole('button', { name: 'Create project' }).click();
    await page.getByRole('dialog').getByLabel('Name').fill('Spring sale');
    await page.getByRole('dialog').getByRole('button', { name: 'Create project' }).click();
    await page.getByRole('link', { name: 'Spring sale' }).click();
    await expect(page.getByRole('heading', { level: 1, name: 'Spring sale' })).toBeVisible();
    await expectToFit(page);
    await expectAccessible(page);
  });
});
