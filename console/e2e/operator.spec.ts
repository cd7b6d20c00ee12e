import { expect } from '@playwright/test';
import { asOperator, createKey, elsewhere, expectAccessible, expectToFit, operator, signIn, signUp, somebody, test } from './support';

const PAGES = [
  ['', 'Overview'],
  ['/orgs', 'Organizations'],
  ['/usage', 'Usage'],
  ['/users', 'People'],
  ['/keys', 'Revoke keys'],
  ['/offers', 'Offers'],
  ['/blueprint', 'Plans & blueprint'],
  ['/health', 'System health'],
] as const;

for (const [colorScheme, width] of [
  ['light', 1360],
  ['dark', 390],
] as const) {
  test.describe(`in ${colorScheme} colours, ${width} wide`, () => {
    test.use({ colorScheme, viewport: { width, height: 860 } });

    test('every page of the operator fits and is accessible', async ({ page, browser, baseURL }) => {
      const other = await elsewhere(browser, baseURL);
      const { slug, organization } = await signUp(other);
      await other.context().close();
      await signIn(page, operator);
      await expect(page.getByRole('heading', { level: 1, name: 'Overview' })).toBeVisible();
      for (const [path, heading] of [...PAGES, [`/orgs/${slug}`, organization] as const]) {
        await page.goto(`/console/operator${path}`);
        await expect(page.getByRole('heading', { level: 1, name: heading })).toBeVisible();
        await expectToFit(page);
        await expectAccessible(page);
      }
    });
  });
}

test('an organization is made for somebody, who joins by the link', async ({ page, browser, baseURL }) => {
  const owner = somebody();
  await signIn(page, operator);
  await page.getByRole('link', { name: 'Organizations', exact: true }).click();
  await page.getByRole('button', { name: 'Create organization' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Organization name').fill(owner.organization);
  await expect(dialog.getByLabel('Address', { exact: true })).toHaveValue(owner.slug);
  await dialog.getByLabel('E-mail address of its owner').fill(owner.email);
  await expectAccessible(page);
  await dialog.getByRole('button', { name: 'Create organization' }).click();
  const { pathname, hash } = new URL((await page.getByTestId('invitation-link').textContent()) ?? '');
  await page.getByRole('checkbox', { name: 'I have passed it on' }).check();
  await page.getByRole('button', { name: 'Done' }).click();
  await page.getByRole('searchbox', { name: 'Search organizations' }).fill(owner.slug);
  await expect(page.getByRole('row', { name: new RegExp(owner.organization) })).toBeVisible();

  const guest = await elsewhere(browser, baseURL);
  await guest.goto(pathname + hash);
  await guest.getByLabel('Your name').fill('Mina Sato');
  await guest.getByLabel('Password', { exact: true }).fill(owner.password);
  await guest.getByRole('button', { name: 'Accept the invitation' }).click();
  await expect(guest.getByRole('heading', { level: 1, name: 'Overview' })).toBeVisible();
  await guest.context().close();

  await page.getByRole('link', { name: 'People', exact: true }).click();
  await page.getByRole('searchbox', { name: 'Search people' }).fill(owner.email);
  await expect(page.getByRole('row', { name: new RegExp(`Mina Sato ${owner.email}`) })).toContainText(owner.organization);
});

test('a limit is set for one organization, which is suspended, reactivated, and whose keys are revoked', async ({ page, browser, baseURL }) => {
  const member = await signUp(page);
  await page.getByRole('link', { name: 'API keys' }).click();
  await createKey(page, 'Leaked');
  const office = await asOperator(browser, baseURL, member);

  await office.getByRole('button', { name: 'Set Requests per day' }).click();
  const dialog = office.getByRole('dialog');
  await dialog.getByLabel('How far it goes').fill('250');
  await dialog.getByLabel('Reason').fill('A trade fair');
  await expectAccessible(office);
  await dialog.getByRole('button', { name: 'Set' }).click();
  await expect(office.getByRole('row', { name: /Requests per day/ })).toContainText('250');
  await page.goto(`/console/o/${member.slug}/usage`);
  await expect(page.locator('[data-limit=requests_per_day]')).toContainText('0 of 250');
  await office.getByRole('button', { name: 'Let the plan decide Requests per day' }).click();
  await expect(office.getByRole('row', { name: /Requests per day/ })).not.toContainText('250');

  await office.getByRole('button', { name: 'Suspend' }).click();
  await dialog.getByLabel('Reason').fill('Abuse');
  await dialog.getByRole('button', { name: 'Suspend' }).click();
  await expect(office.getByRole('button', { name: 'Reactivate' })).toBeVisible();
  await office.getByRole('button', { name: 'Reactivate' }).click();
  await dialog.getByLabel('Reason').fill('A mistake');
  await dialog.getByRole('button', { name: 'Reactivate' }).click();
  await expect(office.getByRole('button', { name: 'Suspend' })).toBeVisible();

  await office.getByRole('link', { name: 'Revoke keys' }).click();
  await office.getByLabel('Of the organization').fill(member.slug);
  await office.getByLabel('Reason').fill('Found in a public repository');
  await office.getByRole('button', { name: 'Show which they are' }).click();
  await expect(office.getByRole('row', { name: /Leaked/ })).toBeVisible();
  await expectAccessible(office);
  await office.getByRole('button', { name: 'Revoke these keys' }).click();
  await dialog.getByLabel('Type 1 to confirm').fill('1');
  await dialog.getByRole('button', { name: 'Revoke these keys' }).click();
  await expect(office.getByText('Keys revoked: 1.')).toBeVisible();
  await office.context().close();
  await page.goto(`/console/o/${member.slug}/keys`);
  await expect(page.getByRole('row', { name: /Leaked/ })).toContainText('Revoked');
});

test('an organization gets another name, address and plan, and another owner is invited', async ({ page, browser, baseURL }) => {
  const member = await signUp(page);
  const office = await asOperator(browser, baseURL, member);
  const dialog = office.getByRole('dialog');
  const [name, slug] = [`${member.organization} Ltd`, `${member.slug}-ltd`];

  await office.getByRole('button', { name: 'Change', exact: true }).click();
  await dialog.getByLabel('Organization name').fill(name);
  await dialog.getByRole('button', { name: 'Save changes' }).click();
  await expect(office.getByRole('heading', { level: 1, name })).toBeVisible();

  await office.getByRole('button', { name: 'Change', exact: true }).click();
  await dialog.getByLabel('Address', { exact: true }).fill(slug);
  await dialog.getByLabel('Plan', { exact: true }).click();
  await office.getByTitle('Pro', { exact: true }).click();
  await expectAccessible(office);
  await dialog.getByRole('button', { name: 'Save changes' }).click();
  await expect(office.getByText(`from ${member.slug} to ${slug}`)).toBeVisible();
  await office.getByLabel(`Type ${name} to confirm`).fill(name);
  await expectAccessible(office);
  await dialog.getByRole('button', { name: 'Save changes' }).click();
  await expect(office).toHaveURL(new RegExp(`/operator/orgs/${slug}$`));
  await expect(office.getByRole('definition').filter({ hasText: /^Pro$/ })).toBeVisible();

  await office.getByRole('button', { name: 'Invite an owner' }).click();
  await dialog.getByLabel('E-mail address').fill(somebody().email);
  await dialog.getByRole('button', { name: 'Make the link' }).click();
  await expect(office.getByTestId('invitation-link')).toContainText('/console/');
  await office.context().close();
});

test('usage of all organizations is shown by meter and range', async ({ page }) => {
  await signIn(page, operator);
  await page.getByRole('link', { name: 'Usage', exact: true }).click();
  await expect(page.getByTestId('usage-total')).toBeVisible();
  await page.getByText('30 days', { exact: true }).click();
  await expect(page).toHaveURL(/range=30d/);
  await expect(page.getByTestId('usage-total')).toBeVisible();
  await page.getByRole('searchbox', { name: 'Search organizations' }).fill('nobody is called so');
  await expect(page.getByText(/No organization (matches|used any of it in this time\.)/)).toBeVisible();
});

test('a plan is asked for, quoted and accepted', async ({ page, browser, baseURL }) => {
  const member = await signUp(page);
  await page.goto(`/console/o/${member.slug}/billing/offers`);
  await page.getByRole('button', { name: 'Ask for an offer' }).click();
  await page.getByRole('dialog').getByLabel('What you need').fill('For 200 people');
  await expectAccessible(page);
  await page.getByRole('dialog').getByRole('button', { name: 'Ask', exact: true }).click();
  await expect(page.getByText('Waiting for an answer.')).toBeVisible();

  const office = await asOperator(browser, baseURL, member);
  await office.getByRole('link', { name: 'Offers' }).click();
  await office.getByRole('button', { name: `Actions for ${member.organization}` }).click();
  await office.getByRole('menuitem', { name: 'Quote' }).click();
  const quote = office.getByRole('dialog');
  await quote.getByLabel('Price of a period').fill('500.00');
  await quote.getByLabel('What it is called').fill('Hello for many');
  await expectAccessible(office);
  await quote.getByRole('button', { name: 'Offer it' }).click();
  await expect(office.getByRole('row', { name: new RegExp(member.organization) })).toContainText('Offered');
  await office.context().close();

  await page.reload();
  await expect(page.getByRole('heading', { level: 2, name: 'Hello for many' })).toBeVisible();
  await expectAccessible(page);
  await page.getByRole('button', { name: 'Accept', exact: true }).click();
  await expectAccessible(page);
  await page.getByRole('dialog').getByRole('button', { name: 'Accept for US$500.00 per month' }).click();
  await expect(page.getByText('Accepted', { exact: true })).toBeVisible();
  await page.getByRole('link', { name: 'Subscription' }).click();
  await expect(page.getByRole('heading', { level: 2, name: /Hello for many/ })).toBeVisible();
});

test('another blueprint is shown with its effects, and mistakes with their lines', async ({ page }) => {
  await signIn(page, operator);
  await page.getByRole('link', { name: 'Plans & blueprint' }).click();
  const source = page.getByLabel('The text in force. Change it here, or paste another one.');
  const text = await source.inputValue();
  await source.fill(text.replace('month = "29.00"', 'month = "39.00"'));
  await page.getByRole('button', { name: 'Show what it changes' }).click();
  const effects = page.getByRole('region', { name: 'What it would change' });
  await expect(effects.getByText('prices.USD.month')).toBeVisible();
  await expectAccessible(page);
  await source.fill(text.replace('[plans.pro]', '[plan.pro]'));
  await expect(effects).toBeHidden();
  await page.getByRole('button', { name: 'Show what it changes' }).click();
  await expect(page.getByRole('alert')).toContainText('blueprint.toml:');
});

test('the ledger is checked on demand', async ({ page }) => {
  await signIn(page, operator);
  await page.getByRole('navigation', { name: 'Main navigation' }).getByRole('link', { name: 'System health' }).click();
  await page.getByRole('button', { name: 'Check' }).click();
  await expect(page.getByText(/is that of its events/)).toBeVisible();
});
