// Pointers such as `best -> step-40`: a symbolic link where the system has them, a one-line text file elsewhere.
import { lstat, readFile, readlink, rename, rm, symlink } from 'node:fs/promises';
import { UserError, invariant, show } from '../core/index.ts';
import { temporaryFor } from './leftovers.ts';
import { isCode } from './codes.ts';
import { writeNewFile } from './output.ts';

/** A pointer names something beside it, never a path. */
const isName = (target: string): boolean => /^[^/\\\0\r\n]+$/.test(target) && target !== '.' && target !== '..';

/**
 * Points `link` to something in the same folder, replacing an earlier pointer at once.
 * @param link - path of the pointer
 * @param target - name of what lies beside it
 * @throws UserError `bad-input` when a folder is in the way
 */
export async function pointTo(link: string, target: string): Promise<void> {
  invariant(isName(target), `pointer ${link}: expected a plain name, got ${show(target)}`);
  const temporary = temporaryFor(link);
  try {
    try {
      await symlink(target, temporary);
    } catch (error) {
      if (!isCode(error, 'EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP')) throw error;
      await writeNewFile(temporary, `${target}\n`);
    }
    await rename(temporary, link);
  } catch (error) {
    await rm(temporary, { force: true });
    if (isCode(error, 'EISDIR', 'ENOTEMPTY', 'EEXIST')) {
      throw new UserError('bad-input', `${link}: expected a pointer or nothing, got a folder`, { cause: error });
    }
    throw error;
  }
}

/**
 * Reads a pointer.
 * @param link - path of the pointer
 * @returns the name of what it points to, beside it; null when there is no pointer
 * @throws UserError `bad-input` when it is no pointer or leads elsewhere
 */
export async function readPointer(link: string): Promise<string | null> {
  const stat = await lstat(link).catch((error: unknown) => {
    if (isCode(error, 'ENOENT')) return null;
    throw error;
  });
  if (stat === null) return null;
  if (!stat.isSymbolicLink() && !(stat.isFile() && stat.size < 4096)) {
    throw new UserError('bad-input', `${link}: expected a pointer, got a ${stat.isFile() ? 'large file' : 'folder'}`);
  }
  const target = stat.isSymbolicLink() ? await readlink(link) : (await readFile(link, 'utf8')).replace(/\r?\n$/, '');
  if (!isName(target)) {
    throw new UserError('bad-input', `${link}: expected the name of something beside it, got ${show(target)}`);
  }
  return target;
}
