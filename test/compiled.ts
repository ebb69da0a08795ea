// What tests run in processes of their own is compiled once for all of them, as in a package: from source each would take a second more.
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { TestProject } from 'vitest/node';
import { isRunning } from '../src/files/process.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const variable = 'IOVQA_TESTS_COMPILED';

/**
 * A module of `src/`, `test/` or `examples/` as JavaScript.
 * @param path - from the root of the checkout, such as `src/cli/bin.ts`
 */
export function compiled(path: string): string {
  const folder = process.env[variable];
  if (folder === undefined) throw new Error(`expected ${variable}, which vitest.config.ts sets, got nothing`);
  return join(folder, path.replace(/\.ts$/, '.js'));
}

/** {@link compiled} as what an import names. */
export const compiledUrl = (path: string): string => pathToFileURL(compiled(path)).href;

/** Run by Vitest before all tests; compiles into a folder that stands to packages and model as the checkout does. */
export default async function compile(project: TestProject): Promise<(() => void) | undefined> {
  if (process.env[variable] !== undefined) return undefined; // another project of this run has done so
  const all = join(root, 'node_modules', '.iovqa-tests');
  const folder = join(all, `${process.pid}`);
  for (const name of existsSync(all) ? readdirSync(all) : []) {
    // Of this process, or of one that was killed.
    if (Number(name) === process.pid || !isRunning(Number(name))) rmSync(join(all, name), { recursive: true });
  }
  mkdirSync(folder, { recursive: true });
  cpSync(join(root, 'package.json'), join(folder, 'package.json'));
  for (const name of ['models', 'pictures', 'engine-torch'])
    symlinkSync(join(root, name), join(folder, name), 'junction');
  await transpile(folder);
  project.onTestsRerun(() => transpile(folder)); // in watch mode
  process.env[variable] = folder;
  return () => rmSync(folder, { recursive: true, force: true });
}

/** Each module by itself, with the esbuild of tsx; types are the type checker's. */
async function transpile(folder: string): Promise<void> {
  const esbuild = createRequire(createRequire(import.meta.url).resolve('tsx')).resolve('esbuild');
  const { build } = (await import(pathToFileURL(esbuild).href)) as typeof import('esbuild');
  await build({
    absWorkingDir: root,
    entryPoints: ['src', 'test', 'examples'].map((name) => `${name}/**/*.ts`),
    outbase: root,
    outdir: folder,
    format: 'esm',
    target: 'node20',
    logLevel: 'error',
    plugins: [
      {
        name: 'imports of .ts',
        setup: (plugin) =>
          plugin.onLoad({ filter: /\.ts$/ }, ({ path }) => ({
            loader: 'ts',
            contents: readFileSync(path, 'utf8').replaceAll(/\b(from |import\()'(\.[^']*)\.ts'/g, "$1'$2.js'"),
          })),
      },
    ],
  });
}
