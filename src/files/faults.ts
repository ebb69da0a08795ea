// Faults of the environment: no room, no rights, a read-only disk, a place that is gone. They are told in one line, in every command.
import { UserError, oneLine } from '../core/index.ts';

/** What came, and what to do, by the system's code. */
const faults: Readonly<Record<string, readonly [got: string, hint?: string]>> = {
  ENOSPC: ['no room on the disk', 'Make room, or choose another place.'],
  EDQUOT: ['no room within the quota of the disk', 'Make room, or choose another place.'],
  EFBIG: ['a file larger than it may be', 'The file system or a limit (ulimit -f) allows less: choose another place.'],
  EROFS: ['a disk that is read-only', 'Choose another place, or mount the disk writable.'],
  EACCES: ['no right to do so', 'Change the rights of the file or folder, or choose another place.'],
  EPERM: ['no right to do so', 'Change the rights of the file or folder, or choose another place.'],
  ENOENT: ['no such file or folder', 'It is not there, or was moved or deleted meanwhile.'],
  ENOTDIR: ['a file where a folder should be', 'Choose another place.'],
  EISDIR: ['a folder'],
  EEXIST: ['something that is there already', 'Choose another place.'],
  ENOTEMPTY: ['a folder with something in it', 'Choose another place.'],
  ENAMETOOLONG: ['a name that is too long'],
  ELOOP: ['links that lead in a circle'],
  EXDEV: ['another disk'],
  EBUSY: ['something that another program uses'],
  ETXTBSY: ['something that another program uses'],
  EIO: ['an error of the disk or network', 'The disk or its connection fails; what was finished until then stays.'],
  ESTALE: ['a folder of the network that is gone', 'Mount it again; what was finished until then stays.'],
  ENXIO: ['a device that is not there'],
  ENODEV: ['a device that is not there'],
  EMFILE: ['too many open files', 'Raise the limit (ulimit -n), or use fewer workers.'],
  ENFILE: ['too many open files on this machine', 'End other programs, or raise the limit of the system.'],
  EAGAIN: ['too many processes', 'End other programs, or raise the limit (ulimit -u).'],
  ENOMEM: ['no memory', 'End other programs, or use fewer workers.'],
  EPIPE: ['a reader that has stopped'],
};

/** What was to be done, by the call of the system; others are `use`. */
const verbs: Readonly<Record<string, string>> = {
  write: 'write',
  writev: 'write',
  ftruncate: 'write',
  truncate: 'write',
  fsync: 'write',
  fdatasync: 'write',
  read: 'read',
  scandir: 'read',
  opendir: 'read',
  open: 'open',
  mkdir: 'make',
  mkdtemp: 'make',
  symlink: 'make',
  link: 'make',
  rename: 'rename',
  unlink: 'remove',
  rm: 'remove',
  rmdir: 'remove',
  copyfile: 'copy',
};

/**
 * A fault of the environment as an error that a user understands. The command line and whoever starts processes ask here once; code
 * that writes lets the system's errors through.
 * @param error - what was thrown
 * @param where - what to name in place of the file that the system names
 * @param hint - what to do, in place of the usual
 * @returns null for anything else, such as a bug
 */
export function environmentFault(error: unknown, where?: string, hint?: string): UserError | null {
  if (error instanceof UserError) return null;
  for (let cause = error, depth = 0; cause instanceof Error && depth < 5; cause = cause.cause, depth++) {
    const { code, path, dest, syscall = '' } = cause as NodeJS.ErrnoException & { dest?: string };
    const fault = faults[code ?? ''];
    if (fault === undefined || isOfNetwork(syscall)) continue;
    // Of a pipe it means that there is nothing yet, and that whoever reads or writes has not waited.
    if (code === 'EAGAIN' && !syscall.startsWith('spawn')) continue;
    const place = where ?? (syscall === 'uv_cwd' ? 'working folder' : (dest ?? path));
    const verb = syscall.startsWith('spawn') ? 'start' : (verbs[syscall] ?? 'use');
    const expected = place === undefined ? `expected to ${verb} a file` : `${oneLine(place)}: expected to ${verb} it`;
    const help = hint ?? fault[1];
    return new UserError('bad-input', `${expected}, got ${fault[0]} (${code})`, {
      cause: error,
      ...(help === undefined ? {} : { hint: help }),
    });
  }
  return null;
}

const isOfNetwork = (syscall: string): boolean => /^(connect|getaddrinfo|listen|bind|accept)/.test(syscall);

/**
 * What went wrong in writing, told as a fault of the environment where it is one.
 * @param error - what was thrown
 * @param where - what was written to, as the user named it
 * @returns a UserError `bad-input`; other errors as they are
 */
export function asWriteError(error: unknown, where: string): unknown {
  return environmentFault(error, where) ?? error;
}
