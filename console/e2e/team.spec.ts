import { expect } from '@playwright/test';
import { elsewhere, expectAccessible, signUp, somebody, test } from './support';

test('somebody is invited, joins by the link, is given another role and removed', async ({ page, browser, baseURL }) => {
  const owner = await signUp(page);
  await page.getByRole('link', { name: 'Team', exact: true }).click();
  await page.getByRole('link', { name: 'Teams', exact: true }).click();
  await page.getByRole('button', { name: 'Create team' }).click();
  await page.getByRole('dialog').getByLabel('Name').fill('Crawlers');
  await page.getByRole('dialog').getByRole('button', { name: 'Create team' }).click();
  await expect(page.getByRole('row', { name: /Crawlers/ })).toBeVisible();
  await expectAccessible(page);

  const { email, password } = somebody();
  await page.getByRole('link', { name: 'Invitations' }).click();
  await expect(page.getByText('No open invitations')).toBeVisible();
  await page.getByRole('button', { name: 'Invite somebody' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('E-mail address').fill(email);
  await dialog.getByRole('combobox', { name: 'Role' }).click();
  await page.getByRole('option').last().waitFor({ state: 'attached' });
  await page.locator('.ant-select-item-option').first().click();
  await expectAccessible(page);
  await dialog.getByRole('button', { name: 'Make the link' }).click();
  const link = (await page.getByTestId('invitation-link').textContent()) ?? '';
  await page.getByRole('checkbox', { name: 'I have passed it on' }).check();
  await page.getByRole('button', { name: 'Done' }).click();
  await expect(page.getByRole('row', { name: new RegExp(email) })).toContainText('Pending');
  await expectAccessible(page);

  // The link is good in any browser, and its token leaves the address at once.
  const guest = await elsewhere(browser, baseURL);
  const { pathname, hash } = new URL(link);
  await guest.goto(pathname + hash);
  await expect(guest.getByRole('heading', { level: 1, name: `Join ${owner.organization}` })).toBeVisible();
  expect(new URL(guest.url()).hash).toBe('');
  await expectAccessible(guest);
  await guest.getByLabel('Your name').fill('Jo Park');
  await guest.getByLabel('Password', { exact: true }).fill(password);
  await guest.getByRole('button', { name: 'Accept the invitation' }).click();
  await expect(guest.getByRole('heading', { level: 1, name: 'Overview' })).toBeVisible();
  await expect(guest).toHaveURL(new RegExp(`/console/o/${owner.slug}$`));

  // Good once.
  const late = await elsewhere(browser, baseURL);
  await late.goto(pathname + hash);
  await expect(late.getByRole('alert')).toBeVisible();
  await late.context().close();

  await page.getByRole('link', { name: 'Members', exact: true }).click();
  await expect(page.getByRole('row', { name: /Jo Park/ })).toContainText(email);
  await expectAccessible(page);
  await page.getByRole('button', { name: 'Actions for Jo Park' }).click();
  await page.getByRole('menuitem', { name: 'Change role' }).click();
  await expect(page.getByRole('dialog', { name: 'Role of Jo Park' })).toBeVisible();
  await expectAccessible(page);
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
  await expect(page.getByRole('dialog')).toBeHidden();
  await page.getByRole('button', { name: 'Actions for Jo Park' }).click();
  await page.getByRole('menuitem', { name: 'Remove' }).click();
  await page.getByRole('dialog').getByLabel('Type Jo Park to confirm').fill('Jo Park');
  await page.getByRole('dialog').getByRole('button', { name: 'Remove member' }).click();
  await expect(page.getByRole('row', { name: /Jo Park/ })).toHaveCount(0);

  // Refused from the next request on.
  await guest.reload();
  await expect(guest.getByText('There is nothing here').or(guest.getByText('You don’t belong to an organization yet'))).toBeVisible();
  await guest.context().close();
});

test('an invitation is taken back', async ({ page, browser, baseURL }) => {
  const { slug } = await signUp(page);
  const { email } = somebody();
  await page.goto(`/console/o/${slug}/team/invitations`);
  await page.getByRole('button', { name: 'Invite somebody' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('E-mail address').fill(email);
  await dialog.getByRole('combobox', { name: 'Role' }).click();
  await page.locator('.ant-select-item-option').first().click();
  await dialog.getByRole('button', { name: 'Make the link' }).click();
  const { pathname, hash } = new URL((await page.getByTestId('invitation-link').textContent()) ?? '');
  await page.getByRole('checkbox', { name: 'I have passed it on' }).check();
  await page.getByRole('button', { name: 'Done' }).click();
  await page.getByRole('button', { name: `Actions for ${email}` }).click();
  await page.getByRole('menuitem', { name: 'Cancel invitation' }).click();
  await expect(page.getByText('No open invitations')).toBeVisible();
  const guest = await elsewhere(browser, baseURL);
  await guest.goto(pathname + hash);
  await expect(guest.getByRole('alert')).toBeVisible();
  await guest.context().close();
});
