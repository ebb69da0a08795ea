// `npm test`: the static checks beside the tests, both at once, on two cores. `--long` adds what takes long (`npm run test:all`).
// The linter checks the types, too, with the compiler that it brings; the compiler that builds the package is heard with `--long`, and by
// the test of the package.
// Each check's words come in one piece when it has ended; those of the tests, the last, as they come.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const isLong = process.argv.includes('--long');
const script = (name: string): string => `${root}node_modules/${name}`;

const checks: readonly (readonly [name: string, file: string, args: readonly string[]])[] = [
  ...(isLong ? ([['typecheck', script('typescript/bin/tsc'), ['--noEmit']]] as const) : []),
  ['lint', script('oxlint/bin/oxlint'), ['--type-aware', '--type-check', '--deny-warnings', '--threads', '1']],
  ['format:check', script('prettier/bin/prettier.cjs'), ['--check', '.']],
  ['docs:check', script('typedoc/bin/typedoc'), ['--options', 'typedoc.json']],
];
const quick = ['unit', 'native', 'mocking', 'e2e'].flatMap((name) => ['--project', name]);
const tests = [script('vitest/vitest.mjs'), 'run', ...(isLong ? [] : [...quick, '--tagsFilter', '!long'])];

/** Runs a program of a package on this Node.js; its words at once, or all together at its end. */
async function run(name: string, args: readonly string[], isShown: boolean): Promise<boolean> {
  const started = performance.now();
  const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', isShown ? 'inherit' : 'pipe', 'pipe'] });
  let said = '';
  child.stdout?.on('data', (part: Buffer) => (said += part.toString()));
  child.stderr?.on('data', (part: Buffer) => (isShown ? process.stderr.write(part) : (said += part.toString())));
  const code = await new Promise<number | string | null>((resolve, reject) =>
    child.on('error', reject).on('close', (status, signal) => resolve(status ?? signal)),
  );
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  process.stderr.write(
    `${code === 0 ? '' : said}${name}: ${code === 0 ? 'passed' : `failed (${code})`} in ${seconds} s\n`,
  );
  return code === 0;
}

/** One check after another, beside the tests. */
async function runChecks(): Promise<boolean> {
  let isFine = true;
  for (const [name, file, args] of checks) isFine = (await run(name, [file, ...args], false)) && isFine;
  return isFine;
}

const results = await Promise.all([runChecks(), run('tests', tests, true)]);
process.exitCode = results.every(Boolean) ? 0 : 1;
