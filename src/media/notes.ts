// The one list of what a careful user should know of a clip's pixels and timing: kinds, wording, and the option that changes it.

/** A kind of note. */
export interface NoteKindInfo {
  /** What clips with such a note have in common, for counts: `3 clips: …`. */
  title: string;
  /** The key of a recipe that does what a player would do, with its value; undefined where there is none. */
  option?: string;
}

interface Kind<Facts extends readonly unknown[]> extends NoteKindInfo {
  /** What is said of one clip. */
  say: (...facts: Facts) => string;
}

const kind = <Facts extends readonly unknown[]>(
  title: string,
  say: (...facts: Facts) => string,
  option?: string,
): Kind<Facts> => ({ title, say, ...(option === undefined ? {} : { option }) });

/** What the wording of each kind needs. */
export interface NoteFacts {
  /** Facts of `hdr`. */
  hdr: [transfer: string];
  /** Facts of `hdr-format`. */
  'hdr-format': [transfer: string, format: string];
  /** Facts of `hdr-picture`. */
  'hdr-picture': [transfer: string];
  /** Facts of `gamut`. */
  gamut: [primaries: string];
  /** Facts of `interlaced`. */
  interlaced: [];
  /** Facts of `pixel-aspect`. */
  'pixel-aspect': [aspect: string, by: string];
  /** Facts of `profile`. */
  profile: [name: string];
  /** Facts of `bad-profile`. */
  'bad-profile': [why: string];
  /** Facts of `alpha`. */
  alpha: [how: string];
  /** Facts of `rotation`. */
  rotation: [];
  /** Facts of `pages`. */
  pages: [count: number];
  /** Facts of `damage`. */
  damage: [what: string];
  /** Facts of `frame-count`. */
  'frame-count': [packets: number, frames: number];
  /** Facts of `length`. */
  length: [claimed: string, covered: string];
  /** Facts of `timing`. */
  timing: [what: string];
  /** Facts of `edit-list`. */
  'edit-list': [];
  /** Facts of `few-frames`. */
  'few-frames': [asked: number, there: number, what: string];
  /** Facts of `padding`. */
  padding: [times: number];
  /** Facts of `matrix`. */
  matrix: [matrix: number, taken: string];
}

const kinds: { readonly [Name in keyof NoteFacts]: Kind<NoteFacts[Name]> } = {
  hdr: kind(
    'HDR without tone mapping',
    (transfer: string) => `HDR (${transfer}) without tone mapping: darker and paler than a player shows it`,
    'frames.toneMap: bt2390',
  ),
  'hdr-format': kind(
    'HDR in a pixel format that is not tone mapped',
    (transfer: string, format: string) =>
      `HDR (${transfer}) without tone mapping, which pixels in ${format} do not get: darker and paler than a player shows it`,
  ),
  'hdr-picture': kind(
    'HDR picture taken as sRGB',
    (transfer: string) => `HDR picture (${transfer}) taken as sRGB: darker and paler than a viewer shows it`,
  ),
  gamut: kind(
    'colours of a wide gamut taken as BT.709',
    (primaries: string) => `colours with the primaries of ${primaries} taken as BT.709: paler than they are`,
  ),
  interlaced: kind(
    'interlaced, both fields shown as one picture',
    () => 'both fields shown as one picture, with combs where something moves',
    'frames.deinterlace: bwdif',
  ),
  'pixel-aspect': kind(
    'pixels that are not square, shown as stored',
    (aspect: string, by: string) => `pixels are not square (${aspect}, by the ${by}): shown as stored`,
    'frames.squarePixels: true',
  ),
  profile: kind(
    'colour profile not applied',
    (name: string) => `colour profile ${name} not applied: numbers taken as sRGB`,
    'frames.profile: srgb',
  ),
  'bad-profile': kind(
    'colour profile that cannot be applied',
    (why: string) => `colour profile that cannot be applied (${why}): numbers taken as sRGB`,
  ),
  alpha: kind('transparency', (how: string) => `transparency ${how}`),
  rotation: kind('rotation not applied', () => 'display matrix is no multiple of 90°: not applied'),
  pages: kind('several pictures, the first one taken', (count: number) => `first of ${count} pictures`),
  damage: kind('damage that the decoder filled', (what: string) => what),
  'frame-count': kind(
    'packets without a frame',
    (packets: number, frames: number) => `${packets} packets gave ${frames} frames`,
  ),
  length: kind(
    'shorter than the file claims',
    (claimed: string, covered: string) =>
      `the file claims ${claimed} s, its frames cover ${covered} s: other streams are longer, or it is cut short`,
  ),
  timing: kind('timing assumed', (what: string) => what),
  'edit-list': kind('edit list not applied', () => 'edit list that cuts every frame: not applied'),
  'few-frames': kind(
    'fewer frames than asked for',
    (asked: number, there: number, what: string) => `${asked} ${what} asked for, ${there} there: each taken once`,
  ),
  padding: kind(
    'last frame repeated',
    (times: number) => `last frame repeated ${times}× to fill the last pair of frames`,
  ),
  matrix: kind(
    'unknown colour matrix',
    (matrix: number, taken: string) => `colour matrix ${matrix} is not known here: taken as ${taken}`,
  ),
};

/** The name of a kind of note. */
export type NoteKind = keyof NoteFacts;

/** A note as plans, scores and reports have it: its kind, and what is said of this clip. */
export type MediaNote = `${NoteKind}: ${string}`;

/** All kinds of notes, by name. */
export const noteKinds: Readonly<Record<NoteKind, NoteKindInfo>> = kinds;

/**
 * Makes a note.
 * @param name - its kind
 * @param facts - what its wording needs
 */
export function noteOf<Name extends NoteKind>(name: Name, ...facts: NoteFacts[Name]): MediaNote {
  const { say, option } = kinds[name] as Kind<readonly unknown[]>;
  return `${name}: ${say(...facts)}${option === undefined ? '' : ` (${option} changes that)`}`;
}

/**
 * The kind of a note.
 * @returns its kind; undefined for text that is none
 */
export function kindOfNote(note: string): NoteKind | undefined {
  const name = note.slice(0, Math.max(0, note.indexOf(':')));
  return Object.hasOwn(kinds, name) ? (name as NoteKind) : undefined;
}

/**
 * Notes of many clips, counted by kind.
 * @param counts - clips with a note, by kind; a clip counts once a kind
 * @returns a line a kind, in the order of the list
 */
export function countNotes(counts: ReadonlyMap<NoteKind, number>): string[] {
  return (Object.keys(kinds) as NoteKind[]).flatMap((name) => {
    const count = counts.get(name) ?? 0;
    if (count === 0) return [];
    const { title, option } = noteKinds[name];
    const change = option === undefined ? '' : `; ${option} in the recipe of a new run changes that`;
    return [`${count} ${count === 1 ? 'clip' : 'clips'}: ${title} (${name}${change})`];
  });
}

/** Counts notes by kind as clips come by. */
export class NoteCounter {
  readonly #counts = new Map<NoteKind, number>();

  /**
   * Takes a clip's notes.
   * @param notes - of one clip
   */
  add(notes: readonly string[]): void {
    for (const name of new Set(notes.map(kindOfNote))) {
      if (name !== undefined) this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
    }
  }

  /** A line a kind that was there. */
  lines(): string[] {
    return countNotes(this.#counts);
  }
}

/** The table of kinds, as docs/frames.md has it. */
export function noteKindsTable(): string {
  const rows = Object.entries(noteKinds).map(([name, { title, option }]) => [
    `\`${name}\``,
    title,
    option === undefined ? '' : `\`${option}\``,
  ]);
  return [['note', 'meaning', 'option'], ['---', '---', '---'], ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
}
