// Whether a file of scores can be gone on with: made by the same, of the same list; and what is in it.
import { UserError, show } from '../../core/index.ts';
import type { ScoreLineShape } from './line.ts';
import { rowKey } from './line.ts';
import type { MetaDifference, ScoresMeta } from './meta.ts';
import { hashOfMeta, metaDifferences, scoresMetaPath } from './meta.ts';
import type { StoredLine } from './read.ts';
import { readStoredLines } from './read.ts';
import type { ClipList, ListRow } from './score-list.ts';

/** Rows of a file that was begun. */
export interface BegunRows {
  /** Whole rows: 1 to this. */
  numRows: number;
  /** Bytes of them, with a header. */
  length: number;
  /** Rows that have an error. */
  failed: Set<number>;
  /** Whether the list has rows behind them. */
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
  const all = metaDifferences(before, now);
  const differences = all.filter(({ isMinor }) => !isMinor);
  const placed = (value: string | undefined, meta: ScoresMeta, what: string): string => {
    const model = /^models\.(\d+)\.(?:model|adapter)Hash$/.exec(what)?.[1];
    const place = model === undefined ? undefined : meta.models[Number(model) - 1]?.path;
    return place === undefined ? brief(value) : `${brief(value)} (${place})`;
  };
  const say = ({ what, before: old, now: fresh }: MetaDifference): string => {
    const name = before.models.length === 1 ? what.replace(/^models\.1\./, '') : what;
    return `${name} ${placed(old, before, what)} -> ${placed(fresh, now, what)}`;
  };
  if (differences.length === 0) {
    return all.map((one) => {
      const effect = /max[A-Z]/.test(one.what) ? 'other clips are too large' : 'rows may differ in their last digits';
      return `${path} was begun with other values (${say(one)}): ${effect}`;
    });
  }
  const got = differences.map(say);
  const shown = got.length > 8 ? [...got.slice(0, 8), `and ${got.length - 8} more`] : got;
  throw new UserError('bad-input', `${path}: expected to go on with what made its rows, got ${shown.join('; ')}`, {
    hint: `${scoresMetaPath(path)} says what made them. Say the same again, or choose another file.`,
  });
}

/**
 * Reads the rows of a file that was begun, and compares them with the list.
 * @param path - the file of scores
 * @param shape - its columns
 * @param meta - what made them
 * @param mayFailedDiffer - whether rows with an error may be of another clip by now, as they are scored again
 * @throws UserError `bad-input` with the first row that is another one in the list
 */
export async function compareWithList(
  path: string,
  shape: ScoreLineShape,
  meta: ScoresMeta,
  list: ClipList,
  mayFailedDiffer: boolean,
): Promise<BegunRows> {
  const made = hashOfMeta(meta);
  const found: BegunRows = { numRows: 0, length: 0, failed: new Set(), hasMore: false };
  const rows = list()[Symbol.asyncIterator]();
  try {
    for await (const stored of readStoredLines(path, shape)) {
      const next = await rows.next();
      const item = next.done === true ? null : next.value;
      if (!(mayFailedDiffer && stored.hasFailed && item !== null)) requireSameRow(path, stored, item, made);
      if (stored.hasFailed) found.failed.add(stored.row);
      [found.numRows, found.length] = [stored.row, stored.end];
    }
    found.hasMore = (await rows.next()).done !== true;
  } finally {
    await rows.return?.();
  }
  return found;
}

function requireSameRow(path: string, stored: StoredLine, item: ListRow | null, made: string): void {
  const { row, clip, key, line, hasFailed } = stored;
  const where = `${path}:${line}`;
  const mended = hasFailed && item !== null ? ' The row has an error: --retry-failed scores it as it is now.' : '';
  const hint = `The list has changed since the file was begun: go on with the list as it was, or choose another file.${mended}`;
  if (item === null) {
    throw new UserError('bad-input', `${where}: expected a list of at least ${row} rows, got one of ${row - 1}`, {
      hint,
    });
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
