import { expect } from '@playwright/test';
import { createKey, expectAccessible, expectToFit, signIn, signUp, somebody, test } from './support';

test('a chosen theme and language take effect at once and stay', async ({ page }) => {
  await signUp(page);
  await page.goto('/console/account');
  const html = page.locator('html');
  await expect(html).toHaveAttribute('data-theme', 'light');
  await page.getByText('Dark', { exact: true }).click();
  await expect(html).toHaveAttribute('data-theme', 'dark');
  await page.getByText('日本語', { exact: true }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'アカウント' })).toBeVisible();
  await page.reload();
  await expect(html).toHaveAttribute('lang', 'ja');
  await expect(html).toHaveAttribute('data-theme', 'dark');
  await expect(page).toHaveTitle(/^アカウント · /);
  await page.getByRole('link', { name: '概要' }).click();
  await expect(page.getByText('はじめに')).toBeVisible();
});

test.describe('on a phone', () => {
  test.use({ viewport: { width: 390, height: 844 } });

  test('every page fits, and the menu is a drawer', async ({ page }) => {
    await signUp(page);
    for (const name of ['Projects', 'API keys', 'Usage', 'Overview']) {
      await page.getByRole('button', { name: 'Menu' }).click();
      await page.getByRole('dialog').getByRole('link', { name }).click();
      await expect(page.getByRole('heading', { level: 1, name })).toBeVisible();
      await expect(page.getByRole('dialog')).toBeHidden();
      await expectToFit(page);
    }
    await page.getByRole('button', { name: 'Menu' }).click();
    await page.getByRole('dialog').getByRole('link', { name: 'API keys' }).click();
    await createKey(page, 'Pocket');
    await expectAccessible(page);
  });
});

test('works by keyboard alone', async ({ page }) => {
  const { slug } = await signUp(page);
  await page.goto(`/console/o/${slug}/keys`);
  await page.getByRole('heading', { level: 1, name: 'API keys' }).waitFor();
  await page.keyboard.press('Tab');
  await expect(page.getByRole('link', { name: 'Skip to content' })).toBeFocused();
  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  await expect(page.getByRole('button', { name: 'Create key' })).toBeFocused();
  await page.keyboard.press('Enter');
  const drawer = page.getByRole('dialog', { name: 'Create key' });
  await expect(drawer).toBeVisible();
  // Escape is heard where the focus is: in the drawer, or on what holds it.
  await expect.poll(() => drawer.evaluate((element) => document.activeElement !== document.body && (document.activeElement?.contains(element) === true || element.contains(document.activeElement)))).toBe(true);
  await page.keyboard.press('Escape');
  await expect(drawer).toBeHidden();
  await expect(page.getByRole('button', { name: 'Create key' })).toBeFocused();
});

for (const colorScheme of ['light', 'dark'] as const) {
  test.describe(`in ${colorScheme} colours`, () => {
    test.use({ colorScheme });

    test('every page of a member is accessible', async ({ page }) => {
      await page.goto('/console/sign-in');
      await page.getByLabel('E-mail address').waitFor();
      await expectAccessible(page);
      await page.goto('/console/register');
      await page.getByRole('radio').first().waitFor();
      await expectAccessible(page);

      const { slug } = await signUp(page);
      await page.getByText('Get started').waitFor();
      await expectAccessible(page);
      await page.getByRole('link', { name: 'API keys' }).click();
      await createKey(page, 'Axe');
      await expectAccessible(page);
      await page.getByRole('button', { name: 'Create key' }).click();
      await page.getByRole('checkbox', { name: /^All of/ }).first().waitFor();
      await expectAccessible(page);
      await page.keyboard.press('Escape');
      await page.getByRole('button', { name: 'Actions for Axe' }).click();
      await page.getByRole('menuitem', { name: 'Revoke' }).click();
      await page.getByRole('dialog').waitFor();
      await expectAccessible(page);
      await page.goto(`/console/o/${slug}`);
      await page.getByText('Waiting for your first request…').waitFor();
      await expectAccessible(page);
      await page.goto(`/console/o/${slug}/usage?view=table`);
      await page.getByTestId('usage-total').waitFor();
      await expectAccessible(page);
      await page.goto('/console/account');
      await page.getByText('This session').waitFor();
      await expectAccessible(page);
      await page.goto('/console/o/nowhere');
      await page.getByText('There is nothing here').waitFor();
      await expectAccessible(page);
    });

    test('a refusal is accessible', async ({ page }) => {
      await signIn(page, somebody());
      await page.getByRole('alert').waitFor();
      await expectAccessible(page);
    });
  });
}
