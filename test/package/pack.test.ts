// @module-tag long
// What `npm run package` packs, unpacked into an empty project beside nothing but the packages that it declares.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readDocument } from '../docs/markdown.ts';
import { makeClip } from '../video/make-clip.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
const here = fileURLToPath(new URL('.', import.meta.url));

interface PackageJson {
  dependencies: Record<string, string>;
  optionalDependencies: Record<string, string>;
  bin: { iovqa: string };
}

let project: string;
let installed: string;
let packageJson: PackageJson;

beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'iovqa-package-'));
  const modules = join(project, 'node_modules');
  installed = join(modules, 'iovqa');
  await run('npm', ['run', 'build'], { cwd: root, shell: process.platform === 'win32' });
  await run('npm', ['pack', '--pack-destination', project], { cwd: root, shell: process.platform === 'win32' });
  const tarball = (await readdir(project)).find((name) => name.endsWith('.tgz'))!;
  await mkdir(installed, { recursive: true });
  await run('tar', ['-xzf', join(project, tarball), '-C', installed, '--strip-components=1']);
  packageJson = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8')) as PackageJson;
  // A link's own dependencies are found beside its target, so this is the tree that npm would install.
  const { dependencies, optionalDependencies } = packageJson;
  for (const name of [...Object.keys({ ...dependencies, ...optionalDependencies }), '@types/node']) {
    await mkdir(dirname(join(modules, name)), { recursive: true });
    await symlink(join(root, 'node_modules', name), join(modules, name), 'junction');
  }
  await writeFile(join(project, 'package.json'), '{ "private": true }\n');
  await cp(join(here, 'project'), project, { recursive: true });
  // The program of docs/library.md is compiled, too.
  const [example] = readDocument('docs/library.md').blocks.filter(({ language }) => language === 'ts');
  await writeFile(join(project, 'library.mts'), example!.lines.join('\n'));
  for (let i = 0; i < 4; i++) {
    const background = { r: 60 * i, g: 200 - 50 * i, b: 90 };
    await sharp({ create: { width: 56, height: 56, channels: 3, background } })
      .png()
      .toFile(join(project, `${i}.png`));
  }
  await writeFile(join(project, 'clips.csv'), 'image,mos\n0.png,1.5\n1.png,2.5\n2.png,3.5\n3.png,4.5\n');
  await makeClip({ path: join(project, 'clip.mp4'), codec: 'libx264', format: 'mp4', numFrames: 4 });
});
afterAll(() => rm(project, { recursive: true, force: true }));

/** Runs the packed command line in the project. */
async function iovqa(...args: string[]): Promise<string> {
  const bin = join(installed, packageJson.bin.iovqa);
  return (await run(process.execPath, [bin, ...args], { cwd: project })).stdout;
}

describe('the package', () => {
  it('holds the compiled code, the documents, the small model and photographs, and nothing else', async () => {
    const names = await readdir(installed, { recursive: true });
    const strange = names.filter(
      (name) =>
        !/^(dist|docs|engine-torch|models($|\/nano)|pictures|README\.md|LICENSE|NOTICE|package\.json)/.test(name) ||
        name.includes('__pycache__'),
    );
    expect(strange).toEqual([]);
    const needed = [
      'README.md',
      'LICENSE',
      'docs/train.md',
      'docs/pictures/quickstart.png',
      'dist/index.d.ts',
      'dist/video/decode-child.js',
      'engine-torch/worker.py',
      'engine-torch/families/qwen2_5_vl.py',
    ];
    for (const name of [...needed, 'models/nano/model.safetensors', 'models/nano/adapters/biq2021/iovqa.json']) {
      expect([name, existsSync(join(installed, name))]).toEqual([name, true]);
    }
  });

  it('scores with what it brings', async () => {
    const [line] = JSON.parse(await iovqa('score', '0.png', '--json')) as { score: number; basis: string }[];
    expect(line).toEqual(
      expect.objectContaining({ score: expect.any(Number), basis: expect.stringContaining('BIQ2021') }),
    );
  });

  it('trains, scores and evaluates from a plain program', async () => {
    const { stdout } = await run(process.execPath, ['use.mjs'], { cwd: project });
    expect(JSON.parse(stdout)).toEqual({
      steps: [1, 2],
      end: 'finished',
      scores: [expect.any(Number), expect.any(Number)],
      failed: ['missing.mp4: expected a file, got nothing at that path'],
      n: 4,
      mistake: 'bad-input',
    });
  });

  it('has types that a strict program compiles with', { tags: ['long'] }, async () => {
    const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
    const { stdout } = await run(process.execPath, [tsc, '--project', project], { cwd: project }).catch(
      (error: { stdout: string }) => error,
    );
    expect(stdout).toBe('');
  });

  it('has a command line', async () => {
    expect(await iovqa('--version')).toMatch(/^\d+\.\d+\.\d+\n$/);
    await iovqa('models', 'new', 'random', '--preset', 'tiny');
    const scores = JSON.parse(await iovqa('score', 'clip.mp4', '0.png', '--with', 'random', '--json')) as unknown[];
    expect(scores).toHaveLength(2);
  });
});
