// FFmpeg's names of colour tags to their numbers in ITU-T H.273, as its programs print the ones and its library has the others.

const names = {
  matrix: {
    gbr: 0,
    bt709: 1,
    reserved: 3,
    fcc: 4,
    bt470bg: 5,
    smpte170m: 6,
    smpte240m: 7,
    ycgco: 8,
    bt2020nc: 9,
    bt2020c: 10,
    smpte2085: 11,
    'chroma-derived-nc': 12,
    'chroma-derived-c': 13,
    ictcp: 14,
    'ipt-c2': 15,
    'ycgco-re': 16,
    'ycgco-ro': 17,
  },
  transfer: {
    bt709: 1,
    bt470m: 4,
    bt470bg: 5,
    smpte170m: 6,
    smpte240m: 7,
    linear: 8,
    log100: 9,
    log316: 10,
    'iec61966-2-4': 11,
    bt1361e: 12,
    'iec61966-2-1': 13,
    'bt2020-10': 14,
    'bt2020-12': 15,
    smpte2084: 16,
    smpte428: 17,
    'arib-std-b67': 18,
  },
  primaries: {
    bt709: 1,
    bt470m: 4,
    bt470bg: 5,
    smpte170m: 6,
    smpte240m: 7,
    film: 8,
    bt2020: 9,
    smpte428: 10,
    smpte431: 11,
    smpte432: 12,
    ebu3213: 22,
  },
  /** FFmpeg counts from one, H.273 from zero. */
  chroma: { unspecified: 0, left: 1, center: 2, topleft: 3, top: 4, bottomleft: 5, bottom: 6 },
} as const;

/**
 * The number of a tag.
 * @param kind - which tag
 * @param name - as FFmpeg's programs print it
 * @returns the number that its library has; that of an unknown one where the name is none of these
 */
export function codePoint(kind: keyof typeof names, name: string | undefined): number {
  const known: Readonly<Record<string, number>> = names[kind];
  return known[name ?? ''] ?? (kind === 'chroma' ? 0 : 2);
}
