import { defineConfig } from '@playwright/test';

// INSULA_URL names the running server to test, such as http://localhost:7070. Without it the tests run against the
// development stand-in, which needs a build in dist/.
const FAKE_PORT = 7171;
const server = process.env['INSULA_URL'];

export default defineConfig({
  testDir: 'e2e',
  outputDir: 'test-results',
  timeout: 60_000,
  expect: { timeout: 10_000 },
  // One organization per test and nothing shared, but two cores: one browser at a time.
  workers: 1,
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
  ...(server === undefined
    ? { webServer: { command: `node dev/fake-server.mjs --port ${FAKE_PORT}`, url: `http://localhost:${FAKE_PORT}/healthz`, reuseExistingServer: true } }
    : {}),
});
