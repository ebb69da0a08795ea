// How the FFmpeg that decodes was built, by its own word, and the licence that follows.

/** A build of FFmpeg. */
export interface DecoderBuild {
  /** Its version. */
  version: string;
  /** Options of its `configure`. */
  configuration: string;
  /** The licence of the whole, by FFmpeg's own rule; and what in it has another. */
  licence: string;
}

/**
 * The FFmpeg inside node-av.
 * @returns what it says of itself
 */
export async function decoderBuild(): Promise<DecoderBuild> {
  const { getFFmpegInfo } = await import('node-av');
  const { version, configuration } = getFFmpegInfo();
  return { version, configuration, licence: licenceOf(configuration) };
}

/**
 * The licence of a build of FFmpeg, as its `configure` works it out.
 * @param configuration - its options
 * @returns the licence in words
 */
export function licenceOf(configuration: string): string {
  const has = (option: string): boolean => new RegExp(`(?:^|\\s)--enable-${option}(?:\\s|$)`).test(configuration);
  const fdk = has('libfdk-aac') ? '; libfdk-aac has a licence of its own' : '';
  if (has('nonfree')) return `nonfree and unredistributable${fdk}`;
  const version = has('version3') ? 3 : has('gpl') ? 2 : 2.1;
  return `${has('gpl') ? 'GPL' : 'LGPL'} version ${version} or later${fdk}`;
}
