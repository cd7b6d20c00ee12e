import { expect, type APIRequestContext } from '@playwright/test';
import { createKey, runCurl, signUp, test, useUp } from './support';

test('from sign-up to the first counted request, and to a revoked key', async ({ page, baseURL }) => {
  const server = baseURL ?? '';
  const { slug } = await signUp(page);
  await expect(page).toHaveURL(new RegExp(`/console/o/${slug}$`));
  await expect(page).toHaveTitle(/^Overview · /);

  // The list begins with a key…
  await page.getByRole('link', { name: 'Create key' }).click();
  await page.getByRole('dialog', { name: 'Create key' }).getByRole('button', { name: 'Cancel' }).click();
  const secret = await createKey(page, 'First key');
  const row = page.getByRole('row', { name: /First key/ });
  await expect(row).toContainText('Active');

  // …then waits, with the secret still in memory, for a call that the test makes itself…
  await page.getByRole('link', { name: 'Overview' }).click();
  await expect(page.getByText('Waiting for your first request…')).toBeVisible();
  const line = (await page.getByTestId('curl').textContent()) ?? '';
  expect(line).toContain(secret);
  expect((await runCurl(line, server)).status).toBe(200);

  // …and ticks by itself.
  await expect(page.getByText('Waiting for your first request…')).toBeHidden();
  await expect(page.getByText('2 of 3 done')).toBeVisible();
  await page.getByRole('link', { name: 'See your usage' }).click();
  await expect(page.getByTestId('usage-total')).toHaveText('1');
  await page.getByText('Table', { exact: true }).click();
  await expect(page.getByRole('table')).toBeVisible();
  await page.getByRole('link', { name: 'Overview' }).click();
  await expect(page.getByText('Get started')).toBeHidden();

  // A reload goes on by the cookie; the secret is gone with the memory.
  await page.reload();
  await expect(page.getByRole('heading', { level: 1, name: 'Overview' })).toBeVisible();

  // A rotated key has a successor, and the old one lives on for the overlap.
  await page.getByRole('link', { name: 'API keys' }).click();
  await page.getByRole('button', { name: 'Actions for First key' }).click();
  await page.getByRole('menuitem', { name: 'Rotate' }).click();
  await page.getByRole('button', { name: 'Rotate key' }).click();
  const successor = (await page.getByTestId('secret').textContent()) ?? '';
  await page.getByRole('checkbox', { name: 'I have stored it' }).check();
  await page.getByRole('button', { name: 'Done' }).click();
  await expect(page.getByRole('row', { name: /First key/ })).toHaveCount(2);
  expect((await runCurl(line, server)).status).toBe(200);
  expect((await runCurl(line.replace(secret, successor), server)).status).toBe(200);

  // Revoked, both are refused from the next request on.
  for (const status of ['Rotating', 'Active']) {
    await page.getByRole('row', { name: new RegExp(status) }).getByRole('button', { name: 'Actions for First key' }).click();
    await page.getByRole('menuitem', { name: 'Revoke' }).click();
    const dialog = page.getByRole('dialog', { name: 'Revoke First key' });
    await expect(dialog.getByRole('button', { name: 'Revoke key' })).toBeDisabled();
    await dialog.getByLabel('Type First key to confirm').fill('First key');
    await dialog.getByRole('button', { name: 'Revoke key' }).click();
    await expect(dialog).toBeHidden();
    await expect(page.getByRole('row', { name: new RegExp(status) })).toHaveCount(0);
  }
  expect((await runCurl(line, server)).status).toBe(401);
  expect((await runCurl(line.replace(secret, successor), server)).status).toBe(401);
});

test('the day’s last request is admitted and the next is refused, and the overview says so', async ({ page, baseURL, request }) => {
  const server = baseURL ?? '';
  const perDay = await requestsPerDay(request);
  await signUp(page);
  await page.getByRole('link', { name: 'Create key' }).click();
  await page.getByRole('dialog', { name: 'Create key' }).getByRole('button', { name: 'Cancel' }).click();
  await createKey(page, 'Busy');
  await page.getByRole('link', { name: 'Overview' }).click();
  const line = (await page.getByTestId('curl').textContent()) ?? '';

  const { admitted, refused } = await useUp(() => runCurl(line, server));
  expect(admitted).toBe(perDay);
  expect(refused.status).toBe(429);
  expect(refused.retryAfter).toBeGreaterThan(0);
  expect(refused.retryAfter).toBeLessThanOrEqual(24 * 60 * 60);

  const bar = page.locator('[data-limit=requests_per_day]');
  await page.reload();
  await expect(bar).toContainText(`${perDay} of ${perDay}`);
  await expect(bar).toContainText('Limit reached');
  await page.getByRole('link', { name: 'Usage', exact: true }).click();
  await expect(page.getByTestId('usage-total')).toHaveText(String(perDay));
});

test('the keys can be searched and filtered, and the address keeps it', async ({ page }) => {
  await signUp(page);
  await page.getByRole('link', { name: 'API keys' }).click();
  await expect(page.getByText('No API keys yet')).toBeVisible();
  await createKey(page, 'Crawler');
  await page.getByRole('searchbox', { name: 'Search keys' }).pressSequentially('nothing');
  await expect(page.getByText('No key matches')).toBeVisible();
  await expect(page).toHaveURL(/q=nothing/);
  await page.reload();
  await expect(page.getByText('No key matches')).toBeVisible();
  await page.getByRole('button', { name: 'Clear filters' }).click();
  await expect(page.getByRole('row', { name: /Crawler/ })).toBeVisible();
});

test('what the API finds wrong stands beside the field', async ({ page }) => {
  await signUp(page);
  await page.getByRole('link', { name: 'API keys' }).click();
  await page.getByRole('button', { name: 'Create key' }).click();
  const drawer = page.getByRole('dialog', { name: 'Create key' });
  await drawer.getByLabel('Name').fill('Crawler');
  await drawer.getByRole('checkbox', { name: /^All of/ }).first().check();
  await drawer.getByLabel('Allowed networks').fill('not a network');
  await drawer.getByRole('button', { name: 'Create key' }).click();
  await expect(drawer.getByLabel('Allowed networks')).toHaveAttribute('aria-invalid', 'true');
});

/** What the plan one gets without choosing allows in a day. */
async function requestsPerDay(request: APIRequestContext): Promise<number> {
  const plans = (await (await request.get('/v1/plans')).json()) as { items: { is_default: boolean; limits: { key: string; limit: number | null }[] }[] };
  return plans.items.find((plan) => plan.is_default)?.limits.find((limit) => limit.key === 'requests_per_day')?.limit ?? Number.NaN;
}
