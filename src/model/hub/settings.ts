// Where the hub is, where its cache lies and who asks: the environment variables that all tools of the hub share.
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { UserError, show } from '../../core/index.ts';
import { isCode } from '../../files/index.ts';

/** Environment variables by name; `process.env` has the shape. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What the environment says about the hub. */
export interface HubSettings {
  /** Address of the hub without a slash at its end: `HF_ENDPOINT`, else `https://huggingface.co`. */
  endpoint: string;
  /** Folder of the cache, as {@link hubCacheFolder} gives it. */
  cacheFolder: string;
  /** Access token: `HF_TOKEN`, else what the file `HF_TOKEN_PATH` or `$HF_HOME/token` holds; null for none. */
  token: string | null;
  /** Whether the network may not be used: `HF_HUB_OFFLINE` or `TRANSFORMERS_OFFLINE` is 1, on, yes or true. */
  offline: boolean;
}

/**
 * Folder of the hub's cache: `HF_HUB_CACHE`, else `$HF_HOME/hub`, else `~/.cache/huggingface/hub` (`XDG_CACHE_HOME` in the place of
 * `~/.cache` where it is set).
 * @param env - environment variables; default: the process's
 */
export function hubCacheFolder(env: Environment = process.env): string {
  return pathOf(env, 'HF_HUB_CACHE') ?? pathOf(env, 'HUGGINGFACE_HUB_CACHE') ?? join(hubHome(env), 'hub');
}

/**
 * Reads what the environment says about the hub.
 * @param env - environment variables; default: the process's
 * @throws UserError `bad-input` for an endpoint that is no address, or a token that cannot be sent; the token is never shown
 */
export async function readHubSettings(env: Environment = process.env): Promise<HubSettings> {
  return {
    endpoint: endpointOf(env),
    cacheFolder: hubCacheFolder(env),
    token: await tokenOf(env),
    offline: isTrue(env['HF_HUB_OFFLINE']) || isTrue(env['TRANSFORMERS_OFFLINE']),
  };
}

function hubHome(env: Environment): string {
  return pathOf(env, 'HF_HOME') ?? join(pathOf(env, 'XDG_CACHE_HOME') ?? join(homedir(), '.cache'), 'huggingface');
}

/** A variable that names a file or folder; empty is as good as not set. */
function pathOf(env: Environment, name: string): string | undefined {
  const text = env[name];
  if (text === undefined || text === '') return undefined;
  return /^~(?=$|[/\\])/.test(text) ? join(homedir(), text.slice(1)) : text;
}

const isTrue = (text = ''): boolean => ['1', 'ON', 'YES', 'TRUE'].includes(text.toUpperCase());

function endpointOf(env: Environment): string {
  const text = env['HF_ENDPOINT'] || 'https://huggingface.co';
  const url = URL.canParse(text) ? new URL(text) : null;
  const isPlain = url?.username === '' && url.password === '' && url.search === '' && url.hash === '';
  if (url === null || !isPlain || !/^https?:$/.test(url.protocol)) {
    // An address with a password in it is not repeated.
    const got = url === null || isPlain ? show(text) : 'one with more than host and path';
    throw new UserError('bad-input', `HF_ENDPOINT: expected an address like https://huggingface.co, got ${got}`);
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}

async function tokenOf(env: Environment): Promise<string | null> {
  const own = (env['HF_TOKEN'] ?? '').trim();
  if (own !== '') return checkToken('HF_TOKEN', own);
  const path = pathOf(env, 'HF_TOKEN_PATH') ?? join(hubHome(env), 'token');
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    if (isCode(cause, 'ENOENT', 'ENOTDIR')) return '';
    throw new UserError('bad-input', `${path}: expected a file with a token, got ${(cause as Error).message}`, {
      cause,
    });
  });
  return text.trim() === '' ? null : checkToken(path, text.trim());
}

/** A token goes into a header, and a refused header would be printed whole. */
function checkToken(where: string, token: string): string {
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new UserError('bad-input', `${where}: expected a token of the hub (hf_…), got other characters`);
}
