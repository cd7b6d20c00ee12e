import { expect } from '@playwright/test';
import { elsewhere as inAnotherBrowser, operator, signIn, signUp, somebody, test } from './support';

test('a wrong password is refused in the API’s words, with a request id', async ({ page }) => {
  await signIn(page, somebody());
  await expect(page.getByRole('alert')).toContainText('Request id');
  await expect(page).toHaveURL(/\/console\/sign-in/);
});

test('signing in leads back to the page one wanted', async ({ page }) => {
  const member = await signUp(page);
  await page.getByRole('button', { name: /Your account menu/ }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Sign in' })).toBeVisible();

  await page.goto(`/console/o/${member.slug}/usage?range=30d`);
  await expect(page).toHaveURL(/return_to/);
  await page.getByLabel('E-mail address').fill(member.email);
  await page.getByLabel('Password', { exact: true }).fill(member.password);
  await page.getByLabel('Password', { exact: true }).press('Enter');
  await expect(page.getByRole('heading', { level: 1, name: 'Usage' })).toBeVisible();
  await expect(page).toHaveURL(new RegExp(`/console/o/${member.slug}/usage\\?range=30d`));
});

test('the account page renames, lists sessions and ends another one', async ({ page, browser, baseURL }) => {
  const member = await signUp(page);
  const elsewhere = await inAnotherBrowser(browser, baseURL);
  await signIn(elsewhere, member);
  await expect(elsewhere.getByRole('heading', { level: 1, name: 'Overview' })).toBeVisible();

  await page.goto('/console/account');
  await page.getByLabel('Display name').fill('Aiko T.');
  await page.getByRole('button', { name: 'Save changes' }).click();
  await expect(page.getByRole('button', { name: /Your account menu/ })).toContainText('Aiko T.');

  await expect(page.getByText('This session')).toBeVisible();
  await page.getByRole('button', { name: /^End the session on/ }).click();
  await expect(page.getByRole('button', { name: /^End the session on/ })).toHaveCount(0);
  await elsewhere.reload();
  await expect(elsewhere.getByRole('heading', { level: 1, name: 'Sign in' })).toBeVisible();
  await elsewhere.context().close();
});

test('another organization can’t be entered', async ({ page, browser, baseURL }) => {
  const other = await inAnotherBrowser(browser, baseURL);
  const theirs = await signUp(other);
  await other.context().close();
  await signUp(page);
  await page.goto(`/console/o/${theirs.slug}`);
  await expect(page.getByText('There is nothing here')).toBeVisible();
  await page.goto('/console/operator');
  await expect(page.getByText('There is nothing here')).toBeVisible();
});

test('the operator lands in an area of their own and finds an organization', async ({ page, browser, baseURL }) => {
  const other = await inAnotherBrowser(browser, baseURL);
  const member = await signUp(other);
  await other.context().close();
  await signIn(page, operator);
  await expect(page).toHaveURL(/\/console\/operator$/);
  await expect(page.getByRole('heading', { level: 1, name: 'Overview' })).toBeVisible();
  await page.getByRole('link', { name: 'Organizations', exact: true }).click();
  await page.getByRole('searchbox', { name: 'Search organizations' }).fill(member.slug);
  await expect(page.getByRole('row', { name: new RegExp(member.organization) })).toBeVisible();
  await expect(page.getByRole('row')).toHaveCount(2);
});
