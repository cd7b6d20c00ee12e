// Walks through the console on INSULA_URL, or on the stand-in, and leaves pictures of every page, to be looked at.
// node dev/screenshots.mjs FOLDER [light|dark] [desktop|phone] [en|ja]
import { chromium } from '@playwright/test';

const [folder = '/tmp/shots', theme = 'light', size = 'desktop', language = 'en'] = process.argv.slice(2);
const base = process.env.INSULA_URL ?? 'http://localhost:7171';
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });
const context = await browser.newContext({
  viewport: size === 'phone' ? { width: 390, height: 844 } : { width: 1360, height: 860 },
  colorScheme: theme === 'dark' ? 'dark' : 'light',
  locale: language === 'ja' ? 'ja-JP' : 'en-GB',
});
const page = await context.newPage();
page.on('console', (message) => (message.type() === 'error' || message.type() === 'warning') && console.log('console:', message.text()));
page.on('pageerror', (error) => console.log('page error:', error.message));
const shot = async (name, fullPage = true) => {
  await page.waitForTimeout(500);
  await page.screenshot({ path: `${folder}/${name}-${theme}-${size}-${language}.png`, fullPage });
};
const slug = `shot-${Date.now().toString(36)}`;
const text = (en, ja) => (language === 'ja' ? ja : en);

await page.goto(`${base}/console/`);
await shot('sign-in');
await page.goto(`${base}/console/register`);
await page.getByLabel(text('Organization name', '組織名')).fill(slug.replace('-', ' '));
await page.getByLabel(text('Your name', 'お名前')).fill('Aiko Tanaka');
await page.getByLabel(text('E-mail address', 'メールアドレス')).fill(`${slug}@example.com`);
await page.getByLabel(text('Password', 'パスワード'), { exact: true }).fill('correct horse battery');
await shot('register');
await page.getByRole('button', { name: text('Create organization', '組織を作成') }).click();
await page.getByRole('heading', { level: 1, name: text('Overview', '概要') }).waitFor();
await shot('overview-new');
await page.getByRole('link', { name: text('Create key', 'キーを作成') }).click();
await page.getByLabel(text('Name', '名前'), { exact: true }).fill('Production crawler');
await shot('key-create', false);
const all = page.getByRole('checkbox', { name: text(/^All of/, /のすべて$/) });
await all.first().waitFor();
for (const each of await all.all()) await each.check();
await shot('key-scopes', false);
await page.getByRole('dialog').getByRole('button', { name: text('Create key', 'キーを作成') }).click();
await page.getByTestId('secret').waitFor();
const secret = await page.getByTestId('secret').textContent();
await shot('secret', false);
await page.getByRole('checkbox', { name: text('I have stored it', '保存しました') }).check();
await page.getByRole('button', { name: text('Done', '完了') }).click();
await shot('keys');
await page.goto(`${base}/console/o/${slug}`);
await page.getByText(text('Waiting for', '待っています')).waitFor();
await shot('overview-waiting');
const product = await (await fetch(`${base}/v1/product`)).json();
for (let count = 0; count < 86; count += 1) {
  await fetch(`${base}${product.sample?.path ?? '/'}`, { method: product.sample?.method ?? 'GET', headers: { authorization: `Bearer ${secret}` } });
  await page.waitForTimeout(105);
}
await page.waitForTimeout(2500);
await shot('overview-called');
await page.goto(`${base}/console/o/${slug}/usage`);
await shot('usage');
await page.goto(`${base}/console/account`);
await shot('account');
await page.goto(`${base}/console/o/${slug}/keys`);
await page.getByRole('button', { name: 'Production crawler' }).click();
await page.getByRole('menuitem', { name: text('Revoke', '失効') }).click();
await shot('revoke', false);
await page.goto(`${base}/console/o/nowhere`);
await shot('not-found', false);
if (size === 'phone') {
  await page.goto(`${base}/console/o/${slug}/keys`);
  await page.getByRole('button', { name: text('Menu', 'メニュー') }).click();
  await shot('menu', false);
}
await context.clearCookies();
await page.goto(`${base}/console/sign-in`);
await page.getByLabel(text('E-mail address', 'メールアドレス')).fill('nobody@example.com');
await page.getByLabel(text('Password', 'パスワード'), { exact: true }).fill('wrong');
await page.getByRole('button', { name: text('Sign in', 'サインイン') }).click();
await page.getByRole('alert').waitFor();
await shot('sign-in-failed');
await page.getByLabel(text('E-mail address', 'メールアドレス')).fill(process.env.INSULA_OPERATOR_EMAIL ?? 'operator@example.com');
await page.getByLabel(text('Password', 'パスワード'), { exact: true }).fill(process.env.INSULA_OPERATOR_PASSWORD ?? 'correct horse battery staple');
await page.getByRole('button', { name: text('Sign in', 'サインイン') }).click();
await page.getByRole('table').waitFor();
await shot('operator');
await browser.close();
