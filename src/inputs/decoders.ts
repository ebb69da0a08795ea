// The versions of what decodes clips, for keys of the cache and descriptions of scores.
import { versionOf } from '../model/index.ts';
import type { DecoderName } from '../video/index.ts';
import { systemFfmpeg } from '../video/index.ts';

/**
 * Versions of all that decodes.
 * @param decoders - what decodes videos; pictures are sharp's
 * @returns versions by name, videos first; `none` for a node-av that is not installed
 * @throws UserError `not-supported` where the system's ffmpeg is asked for and missing
 */
export async function decoderVersions(decoders: readonly DecoderName[]): Promise<Map<string, string>> {
  const versions = new Map<string, string>();
  for (const name of new Set(decoders)) {
    versions.set(name, name === 'ffmpeg' ? `ffmpeg ${(await systemFfmpeg()).version}` : nodeAvVersion());
  }
  return versions.set('sharp', versionOf('sharp'));
}

function nodeAvVersion(): string {
  try {
    return versionOf('node-av');
  } catch {
    return 'none';
  }
}
