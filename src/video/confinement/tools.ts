// The system's programs that confine others.
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';

/** Paths of the programs that confine; undefined where they are missing or refuse to work. */
export interface Tools {
  /** Namespaces and files. */
  bwrap: string | undefined;
  /** Limits of resources. */
  prlimit: string | undefined;
  /** No new privileges, an end with the parent. */
  setpriv: string | undefined;
}

/**
 * Finds a program as a shell does.
 * @param env - environment; default this process's
 * @returns its absolute path; undefined where there is none
 */
export function findTool(name: string, env: NodeJS.ProcessEnv = process.env): string | undefined {
  for (const folder of (env['PATH'] ?? '').split(delimiter)) {
    if (!isAbsolute(folder)) continue;
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      if (statSync(path).isFile()) return path;
    } catch {
      // not in this folder
    }
  }
  return undefined;
}
