// Whether a file of scores can be gone on with: made by the same, of the same list; and what is in it.
import { UserError, show } from '../../core/index.ts';
import { rowKey } from './line.ts';
import type { MetaDifference, ScoresMeta } from './meta.ts';
import { hashOfMeta, metaDifferences, scoresMetaPath } from './meta.ts';
import type { ListPart } from './part.ts';
import { partName, rowsOfPart } from './part.ts';
import type { StoredLine } from './read.ts';
import { readStoredLines } from './read.ts';
import type { ClipList, ListRow } from './score-list.ts';

/** Rows of a file that was begun. */
export interface BegunRows {
  /** Whole rows. */
  numRows: number;
  /** The number of the last one in the list; 0 without one. */
  lastRow: number;
  /** Bytes of them, with a header. */
  length: number;
  /** Rows that have an error. */
  failed: Set<number>;
  /** Whether the list, or the file's part of it, has rows behind them. */
  hasMore: boolean;
}

/** A hash is known by its first digits. */
const brief = (value: string | undefined): string =>
  value === undefined ? 'none' : value.replace(/^"([0-9a-f]{12})[0-9a-f]{52}"$/, '$1…');

/**
 * Refuses a file that was begun with something else.
 * @param path - the file of scores
 * @param before - its description
 * @param now - of what would go on with it
 * @returns what to know of differences that are let through, a sentence each
 * @throws UserError `bad-input` with everything that differs
 */
export function requireSameMeta(path: string, before: ScoresMeta, now: ScoresMeta): string[] {
  const { major, minor } = differencesInWords(before, now);
  if (major.length > 0) {
    throw new UserError('bad-input', `${path}: expected to go on with what made its rows, got ${major.join('; ')}`, {
      hint: `${scoresMetaPath(path)} says what made them. Say the same again, or choose another file.`,
    });
  }
  return minor.map((one) => `${path} was begun with other values ${one}`);
}

/**
 * What differs between two descriptions, as `what OLD -> NEW`.
 * @param before - what a file was begun with
 * @param now - of another one
 * @returns what rows must not differ in, at most nine of them; and what else, with its effect
 */
export function differencesInWords(before: ScoresMeta, now: ScoresMeta): { major: string[]; minor: string[] } {
  const placed = (value: string | undefined, meta: ScoresMeta, what: string): string => {
    const model = /^models\.(\d+)\.(?:model|adapter)Hash$/.exec(what)?.[1];
    const place = model === undefined ? undefined : meta.models[Number(model) - 1]?.path;
    return place === undefined ? brief(value) : `${brief(value)} (${place})`;
  };
  const say = ({ what, before: old, now: fresh }: MetaDifference): string => {
    const name = before.models.length === 1 ? what.replace(/^models\.1\./, '') : what;
    return `${name} ${placed(old, before, what)} -> ${placed(fresh, now, what)}`;
  };
  const all = metaDifferences(before, now);
  const major = all.filter(({ isMinor }) => !isMinor).map(say);
  return {
    major: major.length > 8 ? [...major.slice(0, 8), `and ${major.length - 8} more`] : major,
    minor: all
      .filter(({ isMinor }) => isMinor)
      .map((one) => {
        const effect = /max[A-Z]/.test(one.what) ? 'other clips are too large' : 'rows may differ in their last digits';
        return `(${say(one)}): ${effect}`;
      }),
  };
}

/**
 * Refuses a file that has another part than is to be scored.
 * @param path - the file of scores
 * @param before - the part that it has; undefined for the whole list
 * @param now - the part that is to be scored; likewise
 */
export function requireSamePart(path: string, before: ListPart | undefined, now: ListPart | undefined): void {
  if (before?.number === now?.number && before?.of === now?.of) return;
  const name = (part: ListPart | undefined): string => (part === undefined ? 'the whole list' : partName(part));
  throw new UserError('bad-input', `${path}: expected to go on with ${name(before)}, got ${name(now)}`, {
    hint: 'Name the same --part again, or choose another file.',
  });
}

/**
 * Reads the rows of a file that was begun, and compares them with the list.
 * @param path - the file of scores
 * @param meta - what made them
 * @param mayFailedDiffer - whether rows with an error may be of another clip by now, as they are scored again
 * @throws UserError `bad-input` with the first row that is another one in the list
 */
export async function compareWithList(
  path: string,
  meta: ScoresMeta,
  list: ClipList,
  mayFailedDiffer: boolean,
): Promise<BegunRows> {
  const made = hashOfMeta(meta);
  const part = rowsOfPart(meta.part, meta.runtime.batchSize);
  const found: BegunRows = { numRows: 0, lastRow: 0, length: 0, failed: new Set(), hasMore: false };
  const rows = list()[Symbol.asyncIterator]();
  let numListed = 0;
  /** The part's next row; null where the list ends. */
  const nextRow = async (): Promise<ListRow | null> => {
    for (;;) {
      const next = await rows.next();
      if (next.done === true) return null;
      if (part.has(++numListed)) return next.value;
    }
  };
  try {
    for await (const stored of readStoredLines(path, meta)) {
      const item = await nextRow();
      if (!(mayFailedDiffer && stored.hasFailed && item !== null))
        requireSameRow(path, stored, item ?? numListed, made);
      if (stored.hasFailed) found.failed.add(stored.row);
      found.numRows++;
      [found.lastRow, found.length] = [stored.row, stored.end];
    }
    found.hasMore = (await nextRow()) !== null;
  } finally {
    await rows.return?.();
  }
  return found;
}

/** Compares a row with that of the list; of a list that is too short, its rows are given. */
function requireSameRow(path: string, stored: StoredLine, item: ListRow | number, made: string): void {
  const { row, clip, key, line, hasFailed } = stored;
  const where = `${path}:${line}`;
  const mended =
    hasFailed && typeof item !== 'number' ? ' The row has an error: --retry-failed scores it as it is now.' : '';
  const hint = `The list has changed since the file was begun: go on with the list as it was, or choose another file.${mended}`;
  if (typeof item === 'number') {
    throw new UserError('bad-input', `${where}: expected a list of at least ${row} rows, got one of ${item}`, { hint });
  }
  if (item.id !== clip) {
    const got = `${show(clip)} in the file and ${show(item.id)} in the list`;
    throw new UserError('bad-input', `${where}: expected row ${row} to be of one clip, got ${got}`, { hint });
  }
  const prompt = 'reason' in item ? undefined : item.prompt;
  if (key === rowKey(made, prompt)) return;
  const got = `${show(key)} in the file and ${show(rowKey(made, prompt))} in the list: its text prompt is another one`;
  throw new UserError('bad-input', `${where}: expected row ${row} (${show(clip)}) to have one key, got ${got}`, {
    hint,
  });
}
