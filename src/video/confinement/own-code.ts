// The code of a decoding process as plain JavaScript, and the files and folders that it may read to run.
import { copyFileSync, existsSync, mkdirSync, readFileSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isCode, makeTemporaryFolder, writeFileAtomic } from '../../files/index.ts';

/** What a decoding process runs. */
export interface OwnCode {
  /** Its main module, JavaScript. */
  main: string;
  /** Files and folders that it reads, with nothing else of the project among them. Absolute. */
  files: string[];
}

const root = realpathSync(join(import.meta.dirname, '..', '..', '..'));

let found: Promise<OwnCode> | undefined;

/**
 * The code of the decoding process. Run from source it is bundled first: a confined process can start no compiler.
 * @returns where it is
 */
export function ownCode(): Promise<OwnCode> {
  return (found ??= find());
}

async function find(): Promise<OwnCode> {
  const manifest = join(root, 'package.json');
  const packages = packageFolders(dependencies(root), root);
  if (!import.meta.url.endsWith('.ts')) {
    const dist = join(import.meta.dirname, '..', '..');
    return { main: join(dist, 'video', 'decode-child.js'), files: [manifest, dist, ...packages] };
  }
  const source = join(root, 'src', 'video', 'decode-child.ts');
  let links: string[] = [];
  const bundled = await bundle(source, join(realpathSync(join(root, 'node_modules')), '.iovqa')).catch(
    async (error: unknown) => {
      if (!isCode(error, 'EROFS', 'EACCES', 'EPERM')) throw error;
      const place = await folderElsewhere(); // somebody else owns the checkout, or it cannot be written
      links = [join(place, 'node_modules')];
      return bundle(source, join(place, 'dist', 'video'));
    },
  );
  const { main, parts } = bundled;
  // Where node_modules is a link, the manifest is looked for beside what it leads to.
  const besides = join(dirname(main), '..', '..', 'package.json');
  return { main, files: [manifest, besides, ...links, ...parts, ...packages] };
}

/** A folder of this process alone that stands to packages and manifest as the project's does; gone when the process ends. */
async function folderElsewhere(): Promise<string> {
  const place = await makeTemporaryFolder('iovqa-code');
  process.once('exit', () => rmSync(place, { recursive: true, force: true }));
  symlinkSync(join(root, 'node_modules'), join(place, 'node_modules'), 'junction');
  copyFileSync(join(root, 'package.json'), join(place, 'package.json'));
  return place;
}

/**
 * Bundles with the esbuild that tsx, which runs us, has: in parts, so that a decoder is loaded when it is needed and may be missing
 * elsewhere. Two folders below the root, as the modules are, which find files by that.
 */
async function bundle(source: string, folder: string): Promise<{ main: string; parts: string[] }> {
  const esbuild = createRequire(createRequire(import.meta.url).resolve('tsx')).resolve('esbuild');
  const { buildSync } = (await import(pathToFileURL(esbuild).href)) as typeof import('esbuild');
  const { outputFiles } = buildSync({
    entryPoints: [source],
    bundle: true,
    splitting: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    outdir: folder,
    entryNames: '[name]-[hash]',
    chunkNames: '[name]-[hash]',
    outExtension: { '.js': '.mjs' },
    write: false,
  });
  mkdirSync(folder, { recursive: true });
  for (const { path, contents } of outputFiles) if (!existsSync(path)) await writeFileAtomic(path, contents);
  const parts = outputFiles.map(({ path }) => path);
  return { main: parts.find((path) => basename(path).startsWith('decode-child-'))!, parts };
}

/**
 * Folders of packages and of all that they depend on, as far as they are installed.
 * @param names - the packages
 * @param from - the folder from which they are required
 * @returns the folders, each once: where they are, and where a link to them stands
 */
function packageFolders(names: readonly string[], from: string): string[] {
  const found = new Set<string>();
  const visit = (name: string, requiredFrom: string): void => {
    for (let folder = requiredFrom; ; folder = dirname(folder)) {
      const path = join(folder, 'node_modules', name);
      if (existsSync(join(path, 'package.json'))) {
        const real = realpathSync(path);
        const isNew = !found.has(real);
        found.add(path).add(real);
        if (isNew) follow(real);
        return;
      }
      if (folder === dirname(folder)) return;
    }
  };
  const follow = (folder: string): void => {
    for (const name of dependencies(folder)) visit(name, folder);
  };
  for (const name of names) visit(name, from);
  return [...found];
}

/** Names of the packages that a package may import, installed or not. */
function dependencies(folder: string): string[] {
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Partial<
    Record<'dependencies' | 'optionalDependencies', Record<string, string>>
  >;
  return Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies });
}
