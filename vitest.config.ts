import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks', // onnxruntime and node-av are native: one process a file, no shared realm
    maxWorkers: 2,
    testTimeout: 60_000,
    reporters: ['default', './test/count-reporter.ts'],
  },
});
