import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks', // onnxruntime and node-av are native: one process a file, no shared realm
    maxWorkers: 2,
    globalSetup: './test/temporary-folder.ts',
    testTimeout: 300_000, // last resorts: machines are shared
    hookTimeout: 300_000,
    env: { IOVQA_CACHE: 'off' }, // tests of the cache have folders of their own
    reporters: ['default', './test/count-reporter.ts'],
  },
});
