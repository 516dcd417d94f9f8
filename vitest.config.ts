import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts', 'bench/**/*.test.ts'],
    exclude: ['test/real-client/**', '**/node_modules/**'],
    pool: 'threads',
    testTimeout: 15_000,
  },
});
