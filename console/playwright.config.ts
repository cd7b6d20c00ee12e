import { defineConfig } from '@playwright/test';

// INSULA_URL names the running server to test, such as http://localhost:7070. The development stand-in, which needs a
// build in dist/, is tested on explicit demand only: what passes there says nothing about the server.
const FAKE_PORT = 7172;
// Which blueprint the server runs: each has tests of its own, since they speak of its routes, meters and prices.
const product = process.env['INSULA_E2E_PRODUCT'] ?? 'hello';
const standIn = process.env['INSULA_E2E_STANDIN'] === '1';
const server = process.env['INSULA_URL'];

if (!standIn && server === undefined) {
  throw new Error(
    'INSULA_URL is not set: it names the running server to test, such as http://localhost:7070, with INSULA_OPERATOR_EMAIL and ' +
      'INSULA_OPERATOR_PASSWORD for its operator. INSULA_E2E_STANDIN=1 tests the development stand-in instead.',
  );
}
if (standIn && server !== undefined) throw new Error('INSULA_URL and INSULA_E2E_STANDIN are both set: which of the two is to be tested?');
if (!standIn && (process.env['INSULA_OPERATOR_EMAIL'] === undefined || process.env['INSULA_OPERATOR_PASSWORD'] === undefined)) {
  throw new Error('INSULA_OPERATOR_EMAIL and INSULA_OPERATOR_PASSWORD are not set: `insula up --json` prints them.');
}

export default defineConfig({
  testDir: 'e2e',
  testMatch: product === 'hello' ? /e2e\/[^/]+\.spec\.ts$/ : new RegExp(`e2e/${product}/[^/]+\\.spec\\.ts$`),
  outputDir: 'test-results',
  // Tests wait for conditions alone; on two busy cores those take their time.
  timeout: 240_000,
  expect: { timeout: 30_000 },
  // One organization per test and nothing shared, but two cores: one browser at a time.
  workers: 1,
  retries: process.env['CI'] === undefined ? 0 : 1,
  forbidOnly: process.env['CI'] !== undefined,
  reporter: 'list',
  use: {
    baseURL: server ?? `http://localhost:${FAKE_PORT}`,
    viewport: { width: 1360, height: 860 },
    locale: 'en-GB',
    contextOptions: { reducedMotion: 'reduce' },
    trace: 'retain-on-failure',
    launchOptions: {
      executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
    },
  },
  ...(standIn
    ? { webServer: { command: `node dev/fake-server.mjs --port ${FAKE_PORT}`, url: `http://localhost:${FAKE_PORT}/healthz`, reuseExistingServer: false } }
    : {}),
});
