// Measures what a browser fetches and waits for on its first visit, against the budget in kB gzip.
// Needs a build and a running server: INSULA_URL, or the development stand-in (`npm run fake`).
//
// Usage: node scripts/measure.mjs     exits with 1 over the hard budget
import { chromium } from '@playwright/test';

const GOAL_KB = 300;
const HARD_KB = 600;
const base = process.env.INSULA_URL ?? 'http://localhost:7171';

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });

/** A first visit with an empty cache. `prepare` may sign somebody up, so that the cookie is there, and names the organization. */
async function firstVisit(path, prepare = () => '') {
  const context = await browser.newContext();
  const org = await prepare(context.request);
  const page = await context.newPage();
  await page.goto(`${base}${path.replace('{org}', org)}`);
  await page.getByRole('heading', { level: 1 }).waitFor();
  await page.waitForLoadState('networkidle');
  const measured = await page.evaluate(() => {
    const files = performance.getEntriesByType('resource').filter((entry) => entry.name.includes('/console/'));
    const [document] = performance.getEntriesByType('navigation');
    return {
      bytes: files.reduce((sum, entry) => sum + entry.encodedBodySize, document.encodedBodySize),
      files: files.length + 1,
      paint: performance.getEntriesByName('first-contentful-paint')[0]?.startTime,
    };
  });
  await context.close();
  return measured;
}

async function signUp(request) {
  const slug = `size-${Date.now().toString(36)}`;
  const reply = await request.post(`${base}/v1/signup`, {
    data: { organization: { name: slug, slug }, owner: { email: `${slug}@example.com`, password: `walnut orbit ${slug}`, display_name: 'Size' } },
    headers: { origin: base },
  });
  if (!reply.ok()) throw new Error(`sign-up: ${reply.status()} ${await reply.text()}`);
  return slug;
}

const results = {
  'sign in': await firstVisit('/console/sign-in'),
  register: await firstVisit('/console/register'),
  overview: await firstVisit('/console/o/{org}', signUp),
  'API keys': await firstVisit('/console/o/{org}/keys', signUp),
};
await browser.close();

let worst = 0;
for (const [name, { bytes, files, paint }] of Object.entries(results)) {
  worst = Math.max(worst, bytes / 1000);
  console.log(`${name.padEnd(10)} ${(bytes / 1000).toFixed(0).padStart(4)} kB gzip in ${files} files, first paint ${paint?.toFixed(0)} ms`);
}
console.log(`goal ${GOAL_KB} kB, hard ${HARD_KB} kB: ${worst <= GOAL_KB ? 'goal reached' : worst <= HARD_KB ? 'within the hard budget' : 'OVER'}`);
if (worst > HARD_KB) process.exit(1);
