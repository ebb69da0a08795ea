// node-av is an optional dependency: it is loaded only where it is needed, and where it is missing the error says what to do.
import { UserError } from '../core/index.ts';

/**
 * Loads a module that imports node-av.
 * @param load - imports it
 * @param what - what it is needed for; default decoding
 * @returns the module
 * @throws UserError `not-supported` where node-av, or the binary that it loads, is not installed
 */
export async function withNodeAv<T>(load: () => Promise<T>, what: 'decode' | 'encode' = 'decode'): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const isMissing = /ERR_MODULE_NOT_FOUND|MODULE_NOT_FOUND|ERR_DLOPEN_FAILED/.test(code ?? '');
    if (!isMissing && !/node-av/.test(message)) throw cause;
    const use = what === 'decode' ? 'to decode videos' : 'to write videos';
    const other = what === 'decode' ? ', or use --decoder ffmpeg' : '';
    // In the message: errors of single clips are told without hints.
    const text = `node-av: expected the package ${use}, got none that loads: install it (npm install node-av)${other}`;
    throw new UserError('not-supported', text, { cause });
  }
}
