import { defineConfig } from 'vitest/config';

/** The real client in terminals and child processes: its own run, because it downloads the client and takes its time. */
export default defineConfig({
  test: {
    include: ['test/real-client/**/*.test.ts'],
    globalSetup: [
      'test/support/guard-home.ts',
      'test/support/guard-leftovers.ts',
      'test/support/install-real-client.ts',
    ],
    pool: 'threads',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
