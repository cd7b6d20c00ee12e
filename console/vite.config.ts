import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

const server = process.env['INSULA_URL'] ?? 'http://localhost:7171';

export default defineConfig({
  base: '/console/',
  plugins: [react()],
  // As if the page came from the server itself: it lets no other origin renew a session.
  server: { proxy: { '/v1': { target: server, changeOrigin: true, headers: { origin: server } } } },
  build: {
    target: 'es2023',
    // The policy allows no inline script and the browsers we target know modulepreload.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    chunkSizeWarningLimit: 1000,
  },
  test: {
    environment: 'jsdom',
    include: ['src/**/*.test.{ts,tsx}'],
    setupFiles: ['src/test/setup.ts'],
    restoreMocks: true,
    // Generous: two cores that build something else beside are slow, and a test waits for conditions alone.
    testTimeout: 120_000,
  },
});
