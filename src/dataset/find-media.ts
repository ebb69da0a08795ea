// From the name of a medium in a table to its file, also where the table comes from another system: backslashes, and accents that are
// written as one character or two (NFC, NFD).
import { existsSync, readdirSync } from 'node:fs';
import { join, parse, posix, resolve, sep } from 'node:path';

/**
 * Makes names absolute paths. A name is taken as it stands wherever there is such a file.
 * @param root - the folder that names are relative to
 * @returns the path of a name; of a name without a file, the path where one would be
 */
export function mediaFinder(root: string): (name: string) => string {
  const folders: Folders = new Map();
  return (name) => {
    const path = resolve(root, name);
    // Nothing is asked for names that are written one way only.
    if (!/[\\\u0080-\uffff]/.test(name) || name.includes('\0') || existsSync(path)) return path;
    const slashed = sep === '/' && name.includes('\\') ? resolve(root, name.replaceAll('\\', '/')) : path;
    if (slashed !== path && existsSync(slashed)) return slashed;
    return normalized(slashed, folders) ?? slashed;
  };
}

type Folders = Map<string, Map<string, string[]>>;

/** The file of that path, whichever way its accents are written; of several, the one that is written most like it. */
function normalized(path: string, folders: Folders): string | undefined {
  const { root } = parse(path);
  const walk = (at: string, [part, ...rest]: readonly string[]): string | undefined => {
    if (part === undefined) return at;
    const same = namesIn(at, folders).get(part.normalize('NFC')) ?? (existsSync(join(at, part)) ? [part] : []);
    const order = same.includes(part) ? [part, ...same.filter((name) => name !== part)] : same;
    for (const name of order) {
      const found = walk(join(at, name), rest);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return walk(root, path.slice(root.length).split(sep));
}

/** Names in a folder by what they are when composed. One that cannot be listed has none to offer. */
function namesIn(folder: string, folders: Folders): Map<string, string[]> {
  const known = folders.get(folder);
  if (known !== undefined) return known;
  const names = new Map<string, string[]>();
  folders.set(folder, names);
  let entries: string[] = [];
  try {
    entries = readdirSync(folder);
  } catch {
    return names;
  }
  for (const name of entries) {
    const key = name.normalize('NFC');
    names.set(key, [...(names.get(key) ?? []), name]);
  }
  return names;
}

/**
 * A path in one spelling: for comparing paths of two tables.
 * @param path - an absolute path
 */
export function canonicalPath(path: string): string {
  return posix.normalize(path.replaceAll('\\', '/')).normalize('NFC');
}
