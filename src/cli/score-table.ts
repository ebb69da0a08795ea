// Predictions and opinion scores side by side, from a scores file and a manifest or from one table, on one scale.
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { UserError, oneLine, show } from '../core/index.ts';
import type { ClipRow, Dataset, MosScale, OpenTable, Prompted, Table, TableRecord } from '../dataset/index.ts';
import {
  columnValue,
  fromMos5,
  groupedBy,
  groupingOf,
  parseDecimal,
  parseScale,
  problemsError,
  readManifest,
  readTableFile,
  scaleName,
  toMos5,
} from '../dataset/index.ts';
import type { DiscreteDistribution } from '../metrics/index.ts';
import { matchClips } from './match-clips.ts';
import type { TableFlags } from './table-options.ts';
import { tableOptionsOf } from './table-options.ts';

/** Where the numbers come from. The flags of a table are those of the manifest, or of the one table. */
export interface ScoreTableFlags extends TableFlags {
  /** The opinion scores, by clip. */
  manifest?: string;
  /** Column of what was predicted; default: `prediction`, else `score`. */
  prediction?: string;
  /** The scale of the scores; default: what their file says. */
  scoreScale?: string;
  /** Only these rows of the manifest. */
  split?: string;
}

/** A clip with both numbers. */
export interface ScoredRow {
  /** Its name. */
  id: string;
  /** What was predicted, on the scale of `mos`. */
  prediction: number;
  /** What people said. */
  mos: number;
  /** What ties clips together: its group, or its prompt where prompts are shared and no clip has a group; undefined for a clip on its own. */
  group: string | undefined;
  /** The distribution that the prediction is the mean of, on the scale of `mos`; null where the file keeps none. */
  distribution: DiscreteDistribution | null;
  /** Its text in a column of manifest or table. */
  column: (name: string) => string | undefined;
}

/** The rows, and what is missing. */
export interface ScoreTable {
  /** Clips with both numbers. */
  rows: ScoredRow[];
  /** What a reader of the result must know, such as clips without a score. */
  notes: string[];
}

const names = ['clip', 'video', 'image', 'name', 'id', 'filename', 'file'] as const;

/** A table of scores. */
interface Scores {
  path: string;
  table: Table & OpenTable;
  /** Records with a score. */
  records: TableRecord[];
  /** Records without one. */
  failed: TableRecord[];
  number: (record: TableRecord, column: string) => number;
  /** The distribution of a record, on the file's scale; null where there is none. */
  distribution: (record: TableRecord) => DiscreteDistribution | null;
  predicted: string;
  /** The column of the clip's name. */
  name: string | undefined;
}

/** What stands beside a scores file; the code that reads it, with all of scoring, is loaded only where there is such a file. */
interface Described {
  /** The scale of the scores. */
  scale?: MosScale;
  /** What to know of a file that has only a part of a list. */
  note?: string;
  /** Reads the probabilities of a record; null where it has none. */
  distribution?: (record: TableRecord) => DiscreteDistribution | null;
}

async function describedScores(path: string): Promise<Described> {
  if (!existsSync(`${path}.meta.json`)) return {};
  const { distributionReader, partName, readScoresMeta } = await import('../score/index.ts');
  const meta = await readScoresMeta(path);
  if (meta === null) return {};
  const read = distributionReader(meta);
  const { part } = meta;
  const rest = 'the clips of the other parts are not in it (`scores merge` joins them)';
  return {
    scale: meta.scale,
    ...(part === undefined ? {} : { note: `the scores are ${partName(part)} of a list of ${part.numRows}: ${rest}` }),
    distribution: ({ line, cells }) => {
      const text = cells.get('probabilities');
      if (text === undefined) return null;
      const bad = (expected: string): UserError =>
        new UserError('bad-input', `${oneLine(path)}:${line}: probabilities: expected ${expected}, got ${show(text)}`);
      return read(parsed(text), bad).all;
    },
  };
}

/** The value of a cell, which a table of JSON lines has as text; the text where it is no JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/**
 * Reads predictions and opinion scores.
 * @param path - scores file of `score`, or a table with `prediction` (or `score`) and `mos`
 * @param flags - where the opinion scores are
 * @throws UserError `bad-input` for files without the columns, without common clips, or with text where a number belongs
 */
export async function readScoreTable(path: string, flags: ScoreTableFlags): Promise<ScoreTable> {
  const { manifest } = flags;
  const described = await describedScores(path);
  const scores = await readScores(path, flags, described);
  const scoreScale = flags.scoreScale === undefined ? described.scale : parseScale(flags.scoreScale);
  const notes = [...(described.note === undefined ? [] : [described.note]), ...scores.table.notes];
  if (scores.failed.length > 0) notes.push(`${scores.failed.length} clips have no score and are left out`);
  if (manifest === undefined) {
    const said = scores.table.options.scale ?? scores.table.preset?.scale;
    const map = mapping(scoreScale, said === undefined ? undefined : parseScale(said), notes);
    const rows = ownRows(scores, map, notes);
    if (scoreScale === undefined || said === undefined) {
      const opinions = rows.map(({ mos }) => mos);
      // Without a scale, opinions tell roughly which it is.
      const [min, max] = spanOf(opinions, 0.25);
      suspectScale(scores, said === undefined ? { min, max } : parseScale(said), opinions, notes);
    }
    return { rows, notes };
  }
  const dataset = await readManifest(manifest, { checkMedia: false, ...tableOptionsOf(flags) });
  notes.push(...dataset.notes);
  const opinions = dataset.rows.flatMap(({ mos }) => mos ?? []);
  if (scoreScale === undefined) suspectScale(scores, dataset.scale, opinions, notes);
  const map = mapping(scoreScale, dataset.scale, notes);
  return { rows: matchedRows(scores, dataset, manifest, flags, map, notes), notes };
}

/**
 * The group of each row, for intervals; undefined where no row has one. A clip without a group among others is one of its own; the
 * prefix keeps it apart from groups of that name.
 */
export function groupsOf(rows: readonly ScoredRow[]): string[] | undefined {
  if (rows.every(({ group }) => group === undefined)) return undefined;
  return rows.map(({ group, id }) => (group === undefined ? `clip ${id}` : `group ${group}`));
}

async function readScores(path: string, flags: ScoreTableFlags, described: Described): Promise<Scores> {
  const { manifest, prediction } = flags;
  const options = manifest === undefined ? tableOptionsOf(flags) : {};
  const table = await readTableFile(path, options);
  if (table.problems.length > 0) throw problemsError(path, table.problems);
  const find = (wanted: readonly string[]): string | undefined =>
    wanted.find((name) => table.columns.includes(name)) ??
    table.columns.find((column) => wanted.includes(column.toLowerCase()));
  // Without a header, the only column of numbers.
  const bare = manifest === undefined || table.format.header === undefined ? undefined : table.options.columns?.mos;
  const predicted = find(prediction === undefined ? ['prediction', 'score'] : [prediction]) ?? bare;
  if (predicted === undefined) throw missing(path, prediction ?? 'prediction or score', table.columns);
  const isFailed = (record: TableRecord): boolean => (record.cells.get(predicted) ?? '').trim() === '';
  const { video, image } = table.options.columns ?? {};
  return {
    path,
    table,
    records: table.records.filter((record) => !isFailed(record)),
    failed: table.records.filter(isFailed),
    predicted,
    // Of other columns than the score nothing is said.
    distribution: (record) => (predicted === 'score' ? (described.distribution?.(record) ?? null) : null),
    name: find([...[video, image].flatMap((name) => name ?? []), ...names]),
    number: (record, column) => {
      const text = record.cells.get(column) ?? '';
      const value = parseDecimal(text);
      if (value !== undefined) return value;
      throw new UserError(
        'bad-input',
        `${oneLine(path)}:${record.line}: ${column}: expected a number, got ${show(text)}`,
      );
    },
  };
}

/** What ties rows together, as splits keep them: their group, or their prompt where prompts are shared and no row has a group. */
function groupsFrom(rows: readonly Prompted[], notes: string[]): (string | undefined)[] {
  const grouping = groupingOf(rows);
  if (grouping === 'prompt') notes.push('clips of one prompt are one group, for the intervals');
  return groupedBy(rows, grouping).map(({ group }) => group);
}

/** Rows of one table that has both numbers. */
function ownRows(scores: Scores, map: Mapping, notes: string[]): ScoredRow[] {
  const { path, table, records, number, predicted, name } = scores;
  const wanted = table.options.columns?.mos ?? table.preset?.columns.mos ?? 'mos';
  const target =
    table.columns.find((column) => column === wanted) ??
    table.columns.find((column) => column.toLowerCase() === wanted.toLowerCase());
  if (target === undefined) throw missing(path, `${wanted}, or --manifest FILE with the opinion scores`, table.columns);
  const textOf = (record: TableRecord, role: 'group' | 'prompt'): string | undefined =>
    record.cells.get(table.options.columns?.[role] ?? role)?.trim() || undefined; // an empty cell is none
  const named = records.map((record) => {
    const [group, prompt] = [textOf(record, 'group'), textOf(record, 'prompt')];
    return {
      id: name === undefined ? String(record.line) : (record.cells.get(name) ?? ''),
      ...(group === undefined ? {} : { group }),
      ...(prompt === undefined ? {} : { prompt }),
    };
  });
  const groups = groupsFrom(named, notes);
  return records.map((record, i) => ({
    id: named[i]!.id,
    prediction: map(number(record, predicted)),
    mos: number(record, target),
    group: groups[i],
    distribution: distributionOf(record, scores, map),
    column: (column) => record.cells.get(column),
  }));
}

/** Rows of the manifest that have a score. */
function matchedRows(
  scores: Scores,
  dataset: Dataset,
  manifest: string,
  flags: ScoreTableFlags,
  map: Mapping,
  notes: string[],
): ScoredRow[] {
  const { path, records, failed, number, predicted, name, table } = scores;
  if (name === undefined) throw missing(path, names.join(' or '), table.columns);
  const nameOf = (record: TableRecord): string => record.cells.get(name) ?? '';
  const all = [...records, ...failed];
  requireOnce(path, records, nameOf);
  const { clipOf, how } = matchClips({
    clips: dataset.rows,
    names: all.map(nameOf),
    folders: [dataset.mediaRoot, process.cwd(), dirname(path)],
    scoresFile: path,
    table: manifest,
  });
  const groups = groupsFrom(dataset.rows, notes);
  const isMeant = (row: ClipRow): boolean => flags.split === undefined || row.split === flags.split;
  const left = new Set(dataset.rows.filter(isMeant));
  const strangers: string[] = [];
  const lines = new Map<ClipRow, number>();
  const rows = all.flatMap((record, i): ScoredRow[] => {
    const clip = clipOf[i];
    if (clip === undefined) {
      strangers.push(nameOf(record));
      return [];
    }
    const row = dataset.rows[clip]!;
    left.delete(row);
    if (i >= records.length || !isMeant(row)) return [];
    const before = lines.get(row);
    if (before !== undefined) throw twice(path, record, nameOf(record), before);
    lines.set(row, record.line);
    const column = (key: string): string | undefined => columnValue(row, key) ?? record.cells.get(key);
    const prediction = map(number(record, predicted));
    const distribution = distributionOf(record, scores, map);
    return [{ id: row.id, prediction, mos: row.mos!, group: groups[clip], distribution, column }];
  });
  notes.push(`${rows.length} scores are matched with clips of ${oneLine(manifest)} ${how}`);
  if (strangers.length > 0) {
    notes.push(`${strangers.length} scores are of clips that the manifest lacks, the first ${show(strangers[0])}`);
  }
  if (rows.length === 0) {
    const part = flags.split === undefined ? '' : ` in the split ${show(flags.split)}`;
    throw new UserError('bad-input', `${oneLine(path)}: expected scores of clips${part}, got none`);
  }
  if (left.size > 0) notes.push(`${left.size} clips of the manifest are not in ${oneLine(path)}`);
  return rows;
}

type Mapping = (prediction: number) => number;

/** From the scale of the scores to that of the opinions; what is not known is not touched. */
function mapping(from: MosScale | undefined, to: MosScale | undefined, notes: string[]): Mapping {
  if (from === undefined || to === undefined || scaleName(from) === scaleName(to)) return (value) => value;
  notes.push(
    `the scores are on ${scaleName(from)} and the opinions on ${scaleName(to)}; the scores are mapped linearly`,
  );
  return (value) => fromMos5(to, toMos5(from, value));
}

function distributionOf(record: TableRecord, { distribution }: Scores, map: Mapping): DiscreteDistribution | null {
  const found = distribution(record);
  return found === null ? null : { ...found, values: found.values.map(map) };
}

/** Scores that take up less of the opinions' scale are on another one, unless they lie about the opinions' mean. */
const LEAST_USED = 0.15;

/** Scores of an unknown scale that can hardly be on the table's. */
function suspectScale(
  { records, number, predicted }: Scores,
  { min, max }: Pick<MosScale, 'min' | 'max'>,
  opinions: readonly number[],
  notes: string[],
): void {
  const values = records.map((record) => number(record, predicted));
  if (values.length === 0 || opinions.length === 0) return;
  const [low, high] = spanOf(values, 0);
  const mean = opinions.reduce((a, b) => a + b, 0) / opinions.length;
  const isOutside = 2 * values.filter((value) => value < min || value > max).length >= values.length;
  const isInCorner = high - low < LEAST_USED * (max - min) && (mean < low || mean > high);
  if (!isOutside && !isInCorner) return;
  const [lowest, highest] = spanOf(opinions, 0);
  notes.push(
    `the scores run from ${low} to ${high} and the opinions from ${lowest} to ${highest}: RMSE says little; --score-scale MIN-MAX maps them`,
  );
}

/** The least and the greatest of numbers, and a share of what is between them beyond each. */
function spanOf(values: readonly number[], share: number): readonly [low: number, high: number] {
  const low = values.reduce((a, b) => Math.min(a, b), Infinity);
  const high = values.reduce((a, b) => Math.max(a, b), -Infinity);
  return [low - share * (high - low), high + share * (high - low)];
}

function requireOnce(path: string, records: readonly TableRecord[], nameOf: (record: TableRecord) => string): void {
  const lines = new Map<string, number>();
  for (const record of records) {
    const name = nameOf(record);
    const before = lines.get(name);
    if (before !== undefined) throw twice(path, record, name, before);
    lines.set(name, record.line);
  }
}

function twice(path: string, { line }: TableRecord, name: string, before: number): UserError {
  const got = `${show(name)}, which line ${before} has too`;
  return new UserError('bad-input', `${oneLine(path)}:${line}: expected one score a clip, got a second of ${got}`);
}

function missing(path: string, expected: string, columns: readonly string[]): UserError {
  const shown = columns.slice(0, 12).map((name) => show(name));
  const more = columns.length > shown.length ? ` and ${columns.length - shown.length} more` : '';
  const got = columns.length === 0 ? 'none' : `${shown.join(', ')}${more}`;
  return new UserError('bad-input', `${oneLine(path)}: expected a column ${expected}, got ${got}`);
}
