// Everything that can be wrong with a data set before a run finds out: rows, clips, splits, near-duplicates, and traps.
import pMap from 'p-map';
import { UserError, oneLine } from '../core/index.ts';
import type { ClipRow, Manifest, TableOptions } from '../dataset/index.ts';
import { formatProblem, groupedBy, groupingOf, leakingGroups, loadManifest, scaleName } from '../dataset/index.ts';
import { NoteCounter } from '../media/index.ts';
import type { DecoderName, FrameOptions, FrameReader } from '../video/index.ts';
import { nearDuplicates, openFrameReader, pictureHash } from '../video/index.ts';
import type { Decoding } from './reversed-scale.ts';
import { reversedScale } from './reversed-scale.ts';
import { tableTraps } from './traps.ts';

/** How a data set is checked. */
export interface DataCheckOptions extends TableOptions {
  /** Whether clips are opened; true by default. */
  decode?: boolean;
  /** Processes that decode clips; default 2. */
  workers?: number;
  /** What decodes videos; default node-av. */
  decoder?: DecoderName;
  /** Whether the adapter that ships scores a sample of the clips, to find a scale that is upside down; default: as `decode`. */
  scorer?: boolean;
  /** Told how many clips of how many were opened. */
  onProgress?: (done: number, of: number) => void;
}

/** Range, mean and deviation of scores; null without scores. */
export interface ScoreSummary {
  /** The lowest. */
  min: number | null;
  /** The highest. */
  max: number | null;
  /** Mean, to four decimals. */
  mean: number | null;
  /** Deviation (n), to four decimals. */
  std: number | null;
  /** How many different values there are. */
  distinct: number;
}

/** Pairs of nearly equal pictures, a line each. */
export interface DuplicatePictures {
  /** Between two splits: what is tested was seen. */
  acrossSplits: string[];
  /** Within a split. */
  withinSplits: string[];
}

/** What was found of a data set. */
export interface DataCheck {
  /** Rows of the table. */
  rows: number;
  /** Rows without a problem, whose clip could be opened where clips were. */
  good: number;
  /** The scale's name. */
  scale: string;
  /** Groups that the table names. */
  groups: number;
  /** What a held-out share keeps together. */
  groupBy: 'group' | 'prompt';
  /** Rows by split. */
  splits: Record<string, number>;
  /** The scores. */
  scores: ScoreSummary;
  /** What is wrong with rows and clips, a line each. */
  problems: string[];
  /** What to do about the problems, where that is known. */
  hints: string[];
  /** Groups and prompts that the table's splits tear apart, a line each. */
  leaks: string[];
  /** What is probably not meant, or easily overlooked: a scale, a preset, shared prompts. */
  traps: string[];
  /** Pictures that are nearly the same. */
  duplicates: DuplicatePictures;
  /** What to know of the clips' frames, with how many have it. */
  notes: string[];
  /** Whether the table could be read to its end. */
  isReadable: boolean;
  /** How the table is read, where that was found out or stands beside it. */
  tableNotes: string[];
}

/** Small frames are enough to open a clip and to compare pictures. */
export const smallFrame: FrameOptions = {
  pick: 'middle',
  count: 1,
  as: 'images',
  minPixels: 56 * 56,
  maxPixels: 112 * 112,
  seed: 0,
  patchSize: 14,
  mergeSize: 2,
  temporalPatchSize: 2,
  mean: [0, 0, 0],
  std: [1, 1, 1],
};

/** Bits of 64 in which two nearly equal pictures may differ. */
export const NEARLY_EQUAL = 4;

/** What was seen of a clip. */
interface Seen {
  row: ClipRow;
  hash: bigint | null;
  notes: readonly string[];
  error: string | null;
}

/**
 * Checks a table of clips and its clips.
 * @param path - the table
 * @param options - how it is read, and what is looked at
 * @returns what was found; nothing of it is thrown
 * @throws UserError `bad-input` when the file cannot be read at all; `bad-recipe` for a wrong option
 */
export async function checkData(path: string, options: DataCheckOptions = {}): Promise<DataCheck> {
  const { decode = true, workers = 2, decoder, scorer = decode, onProgress, ...table } = options;
  const decoding = { workers, ...(decoder === undefined ? {} : { decoder }) };
  const manifest = await loadManifest(path, table);
  const { rows, scale } = manifest;
  const seen = decode ? await lookAt(manifest, decoding, onProgress) : [];
  const readable = seen.flatMap(({ row, error }) => (error === null ? [row] : []));
  const traps = tableTraps(manifest);
  const reversed = scorer ? await reversedScale(readable, scale, decoding) : null;
  if (reversed !== null) traps.push(reversed);
  const scores = rows.flatMap(({ mos }) => mos ?? []);
  return {
    rows: manifest.numRows,
    good: rows.length - (seen.length - readable.length),
    scale: scaleName(scale),
    groups: new Set(rows.flatMap(({ group }) => group ?? [])).size,
    groupBy: groupingOf(rows),
    splits: countBy(rows.flatMap(({ split }) => split ?? [])),
    scores: { ...summary(scores), distinct: new Set(scores).size },
    problems: [...manifest.problems.map(formatProblem), ...seen.flatMap(({ error }) => error ?? [])],
    hints: [...new Set(manifest.problems.flatMap(({ hint }) => hint ?? []))],
    leaks: leaksOf(rows),
    traps,
    duplicates: duplicatesOf(seen),
    notes: countNotes(seen),
    isReadable: manifest.problems.every(({ scope }) => scope !== 'file'),
    tableNotes: [...manifest.notes],
  };
}

/** Groups, and prompts where they are not the groups, in more than one split. */
function leaksOf(rows: readonly ClipRow[]): string[] {
  const told = new Set<string>();
  return (['group', 'prompt'] as const).flatMap((grouping) =>
    leakingGroups(groupedBy(rows, grouping)).flatMap(({ group, splits, numRows }) => {
      if (told.has(group)) return [];
      told.add(group);
      return [`${grouping} ${JSON.stringify(group)} lies in the splits ${splits.join(' and ')} (${numRows} rows)`];
    }),
  );
}

async function lookAt(
  { rows, assumedFps }: Manifest,
  { workers, decoder = 'node-av' }: Decoding,
  onProgress: DataCheckOptions['onProgress'],
): Promise<Seen[]> {
  await using reader = openFrameReader({ workers });
  const options: FrameOptions = { ...smallFrame, decoder, ...(assumedFps === undefined ? {} : { assumedFps }) };
  let done = 0;
  // Awaited here: the reader lives as long as this function.
  return await pMap(
    rows,
    async (row): Promise<Seen> => {
      const seen = await lookAtOne(reader, row, options);
      onProgress?.(++done, rows.length);
      return seen;
    },
    { concurrency: workers },
  );
}

async function lookAtOne(reader: FrameReader, row: ClipRow, options: FrameOptions): Promise<Seen> {
  try {
    const { plan, rgb } = await reader.read(row, options);
    return { row, hash: pictureHash(rgb[0]!), notes: plan.notes, error: null };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { row, hash: null, notes: [], error: error.message };
  }
}

function duplicatesOf(seen: readonly Seen[]): DuplicatePictures {
  const hashed = seen.filter(({ hash }) => hash !== null);
  const pairs = nearDuplicates(
    hashed.map(({ hash }) => hash!),
    NEARLY_EQUAL,
  );
  const found: DuplicatePictures = { acrossSplits: [], withinSplits: [] };
  for (const { a: first, b: second, distance } of pairs) {
    const [a, b] = [hashed[first]!.row, hashed[second]!.row];
    // Clips of one group may look alike: no split tears them apart.
    if (a.group !== undefined && a.group === b.group) continue;
    const text = `${oneLine(a.id)} and ${oneLine(b.id)} (${distance} of 64 bits differ)`;
    (a.split === b.split ? found.withinSplits : found.acrossSplits).push(text);
  }
  return found;
}

/** Notes of frame plans with how many clips have them. */
function countNotes(seen: readonly Seen[]): string[] {
  const counter = new NoteCounter();
  for (const { notes } of seen) counter.add(notes);
  return counter.lines();
}

function countBy(names: readonly string[]): Record<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return Object.fromEntries(counts);
}

function summary(values: readonly number[]): Omit<ScoreSummary, 'distinct'> {
  if (values.length === 0) return { min: null, max: null, mean: null, std: null };
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const variance = values.reduce((total, v) => total + (v - mean) ** 2, 0) / values.length;
  const round = (x: number): number => Number(x.toFixed(4));
  return {
    min: values.reduce((a, b) => Math.min(a, b)),
    max: values.reduce((a, b) => Math.max(a, b)),
    mean: round(mean),
    std: round(Math.sqrt(variance)),
  };
}
