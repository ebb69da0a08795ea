// Where the cache lies: one folder for all runs of a user.
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/**
 * Folder of the cache: `IOVQA_CACHE`, else `$XDG_CACHE_HOME/iovqa`, else `~/.cache/iovqa`.
 * @param env - environment variables; default: the process's
 * @returns an absolute path; null where `IOVQA_CACHE` is `off`
 */
export function cacheFolder(env: Readonly<Record<string, string | undefined>> = process.env): string | null {
  const own = env['IOVQA_CACHE'];
  if (own === 'off') return null;
  if (own !== undefined && own !== '') return resolve(own.replace(/^~(?=$|[/\\])/, homedir()));
  const shared = env['XDG_CACHE_HOME'];
  return join(shared !== undefined && shared !== '' ? resolve(shared) : join(homedir(), '.cache'), 'iovqa');
}
