// `iovqa data check`: everything that can be wrong with a data set before a run finds out.
import pMap from 'p-map';
import { UserError, oneLine } from '../../core/index.ts';
import type { ClipRow, Manifest } from '../../dataset/index.ts';
import {
  formatProblem,
  leakingGroups,
  loadManifest,
  mergeTableOptions,
  scaleName,
  sidecarPath,
  readSidecar,
  writeSidecar,
} from '../../dataset/index.ts';
import type { FrameReader } from '../../video/index.ts';
import { nearDuplicates, openFrameReader, pictureHash } from '../../video/index.ts';
import { formatTable, printJson, printLines } from '../output.ts';
import { startProgress } from '../progress.ts';
import type { TableFlags } from '../table-options.ts';
import { tableOptionsOf } from '../table-options.ts';
import { tell } from '../terminal.ts';

/** Flags of `data check`. */
export interface DataCheckFlags extends TableFlags {
  /** Whether clips are opened. */
  decode: boolean;
  /** Processes that decode clips. */
  workers?: number;
  /** Write the flags that say how the table is read into the file beside it. */
  writeOptions?: boolean;
  /** Write a JSON value. */
  json?: boolean;
}

/** Small frames are enough to open a clip and to compare pictures. */
const look = {
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
} as const;

/** Bits of 64 in which two nearly equal pictures may differ. */
const MAX_DISTANCE = 4;

/** What was seen of a clip. */
interface Seen {
  row: ClipRow;
  hash: bigint | null;
  notes: readonly string[];
  error: string | null;
}

/**
 * Runs `iovqa data check`. The exit status is 1 when rows or clips are wrong.
 * @param path - manifest
 * @param flags - flags
 */
export async function dataCheck(path: string, flags: DataCheckFlags): Promise<void> {
  const manifest = await loadManifest(path, tableOptionsOf(flags));
  for (const note of manifest.notes) tell(`note: ${note}`);
  const problems = manifest.problems.map(formatProblem);
  const seen = flags.decode ? await lookAt(manifest.rows, flags.workers ?? 2, manifest.assumedFps) : [];
  problems.push(...seen.flatMap(({ error }) => error ?? []));
  const leaks = leakingGroups(manifest.rows).map(
    ({ group, splits, numRows }) =>
      `group ${JSON.stringify(group)} lies in the splits ${splits.join(' and ')} (${numRows} rows)`,
  );
  const duplicates = duplicatesOf(seen);
  const notes = countNotes(seen);
  const scores = manifest.rows.flatMap(({ mos }) => mos ?? []);
  const facts = {
    rows: manifest.numRows,
    good: manifest.rows.length - seen.filter(({ error }) => error !== null).length,
    scale: scaleName(manifest.scale),
    groups: new Set(manifest.rows.flatMap(({ group }) => group ?? [])).size,
    splits: countBy(manifest.rows.flatMap(({ split }) => split ?? [])),
    scores: { ...summary(scores), distinct: new Set(scores).size },
  };
  if (flags.json === true) printJson({ ...facts, problems, leaks, duplicates, notes });
  else {
    printLines([
      ...formatTable(
        ['', ''],
        Object.entries(facts).map(([key, value]) => [
          key,
          typeof value === 'object' ? JSON.stringify(value) : String(value),
        ]),
      ).slice(1),
      ...section('problems', problems, problems.length),
      ...section('groups torn apart by splits', leaks),
      ...section('near-duplicate pictures across splits', duplicates.acrossSplits),
      ...section('near-duplicate pictures within a split', duplicates.withinSplits),
      ...section('notes', notes),
    ]);
  }
  if (flags.writeOptions === true) await writeOptions(path, manifest, flags);
  if (problems.length > 0) process.exitCode = 1;
}

/** Only what the table could be read with is written down. */
async function writeOptions(path: string, { problems }: Manifest, flags: DataCheckFlags): Promise<void> {
  if (problems.some(({ scope }) => scope === 'file')) {
    tell(`note: ${oneLine(sidecarPath(path))} is not written, since the table could not be read`);
    return;
  }
  const before = await readSidecar(path);
  const written = await writeSidecar(path, mergeTableOptions(tableOptionsOf(flags), before?.options ?? {}));
  tell(`note: ${oneLine(written)} holds these options now; every command reads it`);
}

async function lookAt(rows: readonly ClipRow[], workers: number, assumedFps: number | undefined): Promise<Seen[]> {
  await using reader = openFrameReader({ workers });
  const options = assumedFps === undefined ? look : { ...look, assumedFps };
  const progress = startProgress('opening clips', rows.length);
  let done = 0;
  try {
    return await pMap(
      rows,
      async (row): Promise<Seen> => {
        const seen = await lookAtOne(reader, row, options);
        progress.update(++done);
        return seen;
      },
      { concurrency: workers },
    );
  } finally {
    progress.stop();
  }
}

async function lookAtOne(reader: FrameReader, row: ClipRow, options: typeof look): Promise<Seen> {
  try {
    const { plan, rgb } = await reader.read(row, options);
    return { row, hash: pictureHash(rgb[0]!), notes: plan.notes, error: null };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { row, hash: null, notes: [], error: error.message };
  }
}

/** Pairs of nearly equal pictures. */
interface Duplicates {
  acrossSplits: string[];
  withinSplits: string[];
}

function duplicatesOf(seen: readonly Seen[]): Duplicates {
  const hashed = seen.filter(({ hash }) => hash !== null);
  const pairs = nearDuplicates(
    hashed.map(({ hash }) => hash!),
    MAX_DISTANCE,
  );
  const found: Duplicates = { acrossSplits: [], withinSplits: [] };
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
  const counts = countBy(seen.flatMap(({ notes }) => notes));
  return Object.entries(counts).map(([note, count]) => `${count} clips: ${note}`);
}

function countBy(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

/** Range, mean and deviation of scores. */
interface Summary {
  min: number | null;
  max: number | null;
  mean: number | null;
  std: number | null;
}

function summary(values: readonly number[]): Summary {
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

/** A list below its title, cut after `limit` lines. */
function section(title: string, lines: readonly string[], limit = 20): string[] {
  if (lines.length === 0) return [];
  const shown = lines.slice(0, limit).map((line) => `  ${line}`);
  return [
    '',
    `${title}: ${lines.length}`,
    ...shown,
    ...(lines.length > limit ? [`  … and ${lines.length - limit} more; --json lists them all`] : []),
  ];
}
