import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts', 'bench/**/*.test.ts'],
    exclude: ['test/real-client/**', '**/node_modules/**'],
    globalSetup: ['test/support/guard-home.ts', 'test/support/guard-leftovers.ts'],
    pool: 'threads',
    isolate: false,
    testTimeout: 15_000,
  },
});
