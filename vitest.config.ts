import { resolve, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { configDefaults, defineConfig } from 'vitest/config';

/** Folders of tests that load nothing native and start no command: pure functions, tables, files. */
const unit = ['core', 'dataset', 'docs', 'files', 'metrics', 'prompt', 'report'];
/** Folders of tests that go through whole commands, programs or packages. */
const e2e = ['cli', 'examples', 'package', 'quickstart', 'story'];
/** Tests that put their own functions into modules: each file has a process, since the others of a tier share theirs. */
const mocking = [
  'test/files/lock-window.test.ts',
  'test/golden/files.test.ts',
  'test/study/ensemble-shares.test.ts',
  'test/video/spawn-fault.test.ts',
];
const exclude = [...configDefaults.exclude, ...mocking];

const inside = (folders: readonly string[]): string[] => folders.map((folder) => `test/${folder}/**/*.test.ts`);

const source = fileURLToPath(new URL('src/', import.meta.url));
/** Tests import what `test/compiled.ts` compiled, as it is: transforming modules for Vitest's own loader takes longer than most tests. */
const compiledSource = () => ({
  name: 'compiled source',
  enforce: 'pre' as const,
  resolveId(id: string, importer?: string) {
    const folder = process.env['IOVQA_TESTS_COMPILED'];
    if (folder === undefined || importer === undefined || !id.startsWith('.')) return null;
    const path = resolve(dirname(importer), id);
    if (!path.startsWith(source) || !path.endsWith('.ts')) return null;
    return { id: resolve(folder, 'src', `${path.slice(source.length, -3)}.js`), external: true };
  },
});

// Whatever is in no list is native: it runs graphs or decodes clips. `npm test` leaves out test/long, and tests tagged `long`.
export default defineConfig({
  test: {
    pool: 'forks', // onnxruntime and node-av are native
    isolate: false, // what a process has loaded serves its next file, too
    unstubEnvs: true,
    unstubGlobals: true,
    maxWorkers: 2, // with their threads and processes they fill two cores
    globalSetup: ['./test/temporary-folder.ts', './test/compiled.ts'],
    testTimeout: 600_000, // last resorts: machines are shared, and how long a test takes is no fault
    hookTimeout: 600_000,
    env: { IOVQA_CACHE: 'off' }, // tests of the cache have folders of their own
    reporters: ['default', './test/count-reporter.ts'],
    tags: [{ name: 'long', description: 'takes long, such as dozens of kills: `npm run test:all` runs it' }],
    projects: [
      {
        extends: true,
        plugins: [compiledSource()],
        test: { name: 'unit', include: ['test/*.test.ts', ...inside(unit)], exclude },
      },
      {
        extends: true,
        plugins: [compiledSource()],
        test: {
          name: 'native',
          include: ['test/*/**/*.test.ts'],
          exclude: [...exclude, ...inside([...unit, ...e2e, 'long'])],
        },
      },
      { extends: true, test: { name: 'mocking', include: mocking, isolate: true } },
      { extends: true, plugins: [compiledSource()], test: { name: 'e2e', include: inside(e2e) } },
      { extends: true, plugins: [compiledSource()], test: { name: 'long', include: inside(['long']) } },
    ],
  },
});
