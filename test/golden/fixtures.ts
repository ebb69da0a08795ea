// Files as the version before the redesign wrote them: copied to where a test may write, with the places of that copy put in.
import { readFile, readdir, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { copyFolder } from './make.ts';
import { here } from './measure.ts';

/** Stands for the folder that holds everything. */
export const ROOT = '{ROOT}';

/** Where the cached clips lay, on a path that no test has: a clip that is found in the cache is not opened. */
export const CLIP_FOLDER = '/iovqa-golden-clips';

/** Times and numbers of the files that plans were kept of, as `stat` gave them. */
export type Identities = Record<string, Record<'ino' | 'size' | 'mtimeNs' | 'ctimeNs' | 'mtimeMs' | 'ctimeMs', string>>;

const isText = (name: string): boolean => /\.(json|jsonl|yaml)$/.test(name);

/** Replaces a text in all files of a folder that name places. */
export async function replaceInFiles(folder: string, from: string, to: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    // Entries of a cache are named by hashes, and have digests.
    if (!entry.isFile() || !isText(entry.name) || /^[0-9a-f]{64}\./.test(entry.name)) continue;
    const path = join(entry.parentPath, entry.name);
    await writeFile(path, (await readFile(path, 'utf8')).replaceAll(from, to));
  }
}

/** The pointers to the runs' best checkpoints: links, which not every system's git can make, and so text in `files/`. */
const pointers = ['finished', 'interrupted'].map((run) => join(run, 'checkpoints', 'best'));

/** Makes text of the pointers of a folder, as the program writes them where there are no links. */
export async function pointersToText(folder: string): Promise<void> {
  for (const pointer of pointers) {
    const target = await readlink(join(folder, pointer));
    await rm(join(folder, pointer));
    await writeFile(join(folder, pointer), `${target}\n`);
  }
}

/** Copies `files/` to a workshop. */
export async function unpackFixtures(root: string): Promise<void> {
  const folder = join(root, 'files');
  await copyFolder(here('files'), folder);
  await replaceInFiles(folder, ROOT, root);
  if (process.platform === 'win32') return;
  for (const pointer of pointers) {
    const target = (await readFile(join(folder, pointer), 'utf8')).trim();
    await rm(join(folder, pointer));
    await symlink(target, join(folder, pointer));
  }
}
