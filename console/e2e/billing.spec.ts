import { expect } from '@playwright/test';
import { advance, asOperator, createKey, expectAccessible, expectToFit, runCurl, signUp, test } from './support';

test('a change is charged as it was previewed, and an invoice opens to its events', async ({ page, browser, baseURL }) => {
  const member = await signUp(page, { testClock: true });
  await page.getByRole('link', { name: 'API keys' }).click();
  await createKey(page, 'Billed');
  await page.getByRole('link', { name: 'Overview' }).click();
  const line = (await page.getByTestId('curl').textContent()) ?? '';
  for (let calls = 0; calls < 2; calls += 1) expect((await runCurl(line, baseURL ?? '')).status).toBe(200);

  const office = await asOperator(browser, baseURL, member);
  await advance(office, 7);

  // What the dialog says is due…
  await page.getByRole('link', { name: 'Billing' }).click();
  await expect(page.getByText('Test organization.')).toBeVisible();
  await expectAccessible(page);
  await page.getByRole('link', { name: 'Plans' }).click();
  await expect(page.getByRole('table', { name: 'Plans compared' })).toBeVisible();
  await expectAccessible(page);
  await page.getByRole('button', { name: 'Choose Pro' }).click();
  const dialog = page.getByRole('dialog');
  await expect(dialog.getByText('Plan: Free → Pro')).toBeVisible();
  const due = (await dialog.getByTestId('due').textContent()) ?? '';
  expect(due).toMatch(/^US\$\d+\.\d\d$/);
  await expectAccessible(page);
  await dialog.getByRole('button', { name: `Confirm and be charged ${due}` }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Subscription' })).toBeVisible();
  await expect(page.getByRole('heading', { level: 2, name: 'Pro' })).toBeVisible();

  // …is what the invoice says.
  await page.getByRole('navigation', { name: 'Billing' }).getByRole('link', { name: 'Invoices' }).click();
  await page.getByRole('row', { name: /Change of plan/ }).getByRole('link').click();
  await expect(page.getByTestId('due')).toHaveText(due);
  await page.getByRole('button', { name: 'Pro, per month' }).click();
  await expect(page.getByText('Share of the period')).toBeVisible();
  await expectAccessible(page);
  const printed = page.waitForEvent('download');
  await page.getByRole('button', { name: 'PDF' }).click();
  expect((await printed).suggestedFilename()).toMatch(/^TEST-INV-\d+\.pdf$/);
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'CSV' }).click();
  expect((await download).suggestedFilename()).toMatch(/^TEST-INV-\d+\.csv$/);

  // Paid, the next period comes; its invoice has the requests of this one, each of them.
  await office.reload();
  await office.getByRole('row', { name: /Change of plan/ }).getByRole('button', { name: /^Actions for/ }).click();
  await office.getByRole('menuitem', { name: 'Mark as paid' }).click();
  const payment = office.getByRole('dialog');
  await expect(payment).toContainText('To pay:');
  await expectAccessible(office);
  await payment.getByRole('button', { name: 'Mark as paid' }).click();
  await expect(payment).toBeHidden();
  await advance(office, 31);
  await page.getByRole('link', { name: 'All invoices' }).click();
  await page.reload();
  await expect(page.getByRole('row', { name: /Change of plan/ })).toContainText('Paid');
  await page.getByRole('row', { name: /Billing period/ }).first().getByRole('link').click();
  await page.getByRole('button', { name: 'Requests: included' }).click();
  const events = page.getByRole('region', { name: 'Events behind this line' });
  await expect(events.getByText('Events: 2.')).toBeVisible();
  await expect(events.getByRole('row')).toHaveCount(3);
  await expectAccessible(page);
  await office.context().close();
});

test('a subscription is ended with its period and kept after all', async ({ page }) => {
  const { slug } = await signUp(page);
  await page.goto(`/console/o/${slug}/billing`);
  await page.getByRole('button', { name: 'Cancel subscription' }).click();
  await expectAccessible(page);
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel subscription' }).click();
  await expect(page.getByText(/^It ends on/)).toBeVisible();
  await page.getByRole('button', { name: 'Keep it' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Keep it' }).click();
  await expect(page.getByText(/^It renews by itself on/)).toBeVisible();
});

test('who is billed is kept, in whole and in the API’s words', async ({ page }) => {
  const { slug } = await signUp(page);
  await page.goto(`/console/o/${slug}/billing/profile`);
  await page.getByLabel('Name').fill('Acme KK');
  await page.getByLabel('Tax id').fill('T'.repeat(60));
  await page.getByLabel('Country').click();
  await page.getByLabel('Country').fill('Japan');
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Save changes' }).click();
  await expect(page.getByLabel('Tax id')).toHaveAttribute('aria-invalid', 'true');
  await page.getByLabel('Tax id').fill('T1234567890123');
  await page.getByRole('button', { name: 'Save changes' }).click();
  await expect(page.getByText('Saved')).toBeVisible();
  await page.reload();
  await expect(page.getByLabel('Name')).toHaveValue('Acme KK');
  await expect(page.getByText('Japan')).toBeVisible();
});

test.describe('on a phone, in dark colours', () => {
  test.use({ viewport: { width: 390, height: 844 }, colorScheme: 'dark' });

  test('every page about billing fits and is accessible', async ({ page }) => {
    const { slug } = await signUp(page);
    for (const [path, heading] of [['', 'Subscription'], ['/plans', 'Plans'], ['/offers', 'Offers'], ['/invoices?statements=true', 'Invoices'], ['/profile', 'Billing details']] as const) {
      await page.goto(`/console/o/${slug}/billing${path}`);
      await expect(page.getByRole('heading', { level: 1, name: heading })).toBeVisible();
      await expectToFit(page);
      await expectAccessible(page);
    }
  });
});
