// The arguments of bubblewrap for a decoding process: what it sees, and that it sees nothing else.
import { existsSync, lstatSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { dirname } from 'node:path';

/** A file or folder that is shown at another place. */
export interface Shown {
  /** Where it is. */
  source: string;
  /** Where the process sees it. */
  target: string;
}

/** Folders of the system's libraries, and what tells the loader where they lie. */
const libraries = ['/usr/lib', '/usr/lib32', '/usr/lib64', '/lib', '/lib32', '/lib64'];
const loader = ['/etc/ld.so.cache', '/etc/alternatives'];

/**
 * Arguments of `bwrap`: new namespaces of every kind (no network, no other processes, no other files), all that is seen read-only, a
 * system-call filter, no new privileges, an end with its parent.
 * @param files - what is seen beside the system's libraries, at the same path, if it is there
 * @param shown - what is seen elsewhere
 * @param filterFd - the file descriptor from which the filter is read
 * @returns the arguments, up to the command
 */
export function bubblewrapArguments(files: readonly string[], shown: readonly Shown[], filterFd: number): string[] {
  const places = new Set([...libraries, ...loader, ...node(), ...files]);
  return [
    '--unshare-all',
    '--die-with-parent',
    '--new-session',
    '--as-pid-1',
    '--cap-drop',
    'ALL',
    '--proc',
    '/proc',
    '--dev', // before the files, some of which may lie in /dev/shm
    '/dev',
    ...[...places].flatMap(place),
    ...shown.flatMap(({ source, target }) => ['--ro-bind', source, target]),
    '--remount-ro',
    '/dev',
    '--remount-ro',
    '/',
    '--chdir',
    '/',
    '--seccomp',
    String(filterFd),
    '--',
  ];
}

/** A link stays a link; what it leads to is seen only if it is listed too. */
function place(path: string): string[] {
  if (!existsSync(path)) return [];
  return lstatSync(path).isSymbolicLink() ? ['--symlink', readlinkSync(path), path] : ['--ro-bind', path, path];
}

/** Node.js itself, and libraries of this process that lie elsewhere than the system's. */
function node(): string[] {
  const own = realpathSync(process.execPath);
  const mapped = readFileSync('/proc/self/maps', 'utf8').matchAll(/ (\/[^\n]*\.so(?:\.[\d.]+)?)$/gm);
  const elsewhere = [...new Set([...mapped].map((match) => match[1]!))].filter(
    (path) => !libraries.includes(dirname(path)) && !libraries.some((folder) => path.startsWith(`${folder}/`)),
  );
  return [own, ...elsewhere.filter((path) => !path.includes('/node_modules/'))];
}
