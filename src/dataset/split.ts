// Splits of rows into parts in which no group of related clips is torn apart; pure functions of the rows and a seed.
import { UserError, invariant, nearest, show, shuffledIndices } from '../core/index.ts';

/** What a split needs to know of a row. */
export interface Grouped {
  /** Unique name of the row. */
  id: string;
  /** What ties rows together; a row without one is a group of its own. */
  group?: string;
  /** The part that the manifest puts the row in. */
  split?: string;
}

/** Two parts of a list of rows, each in the order of the list. */
export interface Split<Row> {
  /** The rows to train on. */
  train: Row[];
  /** The rows held out. */
  holdout: Row[];
}

/** A group that lies in more than one split. */
export interface Leak {
  /** The group. */
  group: string;
  /** The splits it lies in, sorted. */
  splits: string[];
  /** How many rows the group has in these splits. */
  numRows: number;
}

/** What a split keeps together: rows of one group, or of one prompt. */
export type Grouping = 'group' | 'prompt';

/**
 * What a split of rows should keep together. Clips generated from one prompt show one thing: where prompts are shared and no row has a
 * group, the prompt is the group.
 */
export function groupingOf(rows: readonly (Pick<Grouped, 'group'> & { prompt?: string })[]): Grouping {
  const prompts = rows.flatMap(({ prompt }) => (prompt === undefined ? [] : [prompt.trim()]));
  return rows.every(({ group }) => group === undefined) && new Set(prompts).size < prompts.length ? 'prompt' : 'group';
}

/** A row that a split can keep together by its prompt. */
export interface Prompted extends Grouped {
  /** The text that its clip was generated from. */
  prompt?: string;
}

/** A row under the name, group and part by which a split sees it. */
export interface GroupedRow<Row> extends Grouped {
  /** The row. */
  row: Row;
}

/**
 * Rows as a split sees them that keeps one thing together.
 * @param grouping - what
 * @returns for each row, in order, its name, its group and itself
 */
export function groupedBy<Row extends Prompted>(rows: readonly Row[], grouping: Grouping): GroupedRow<Row>[] {
  return rows.map((row) => {
    const group = grouping === 'prompt' ? row.prompt?.trim() : row.group;
    const { id, split } = row;
    return { id, row, ...(group === undefined ? {} : { group }), ...(split === undefined ? {} : { split }) };
  });
}

/** Keys of the random streams, so that a holdout and folds of one seed do not follow each other. */
const holdoutStream = 1;
const foldStream = 2;

/**
 * Holds a share of the rows out, whole groups only. Groups are taken in a random order as long as each brings the held-out
 * part nearer to its share; both parts have at least one group. The order of the rows does not matter.
 * @param rows - the rows
 * @param fraction - the share of rows to hold out, between 0 and 1
 * @param seed - an integer; the same seed gives the same split
 * @returns the two parts
 * @throws UserError `bad-input` with fewer than two groups; `bad-recipe` for a fraction that is not between 0 and 1
 */
export function splitByGroup<Row extends Grouped>(rows: readonly Row[], fraction: number, seed: number): Split<Row> {
  if (!(fraction > 0 && fraction < 1)) {
    throw new UserError('bad-recipe', `split: expected a fraction between 0 and 1, got ${show(fraction)}`);
  }
  const groups = groupSizes(rows);
  requireGroups(groups.length, 2, 'a holdout');
  const target = fraction * rows.length;
  const order = shuffledIndices(groups.length, seed, holdoutStream).map((i) => groups[i]!);
  const heldOut = new Set<string>();
  let size = 0;
  for (const group of order) {
    if (heldOut.size === groups.length - 1) break;
    if (Math.abs(size + group.size - target) >= Math.abs(size - target)) continue;
    heldOut.add(group.key);
    size += group.size;
  }
  // Every group is larger than twice the share: the smallest comes nearest.
  if (heldOut.size === 0) heldOut.add(order.reduce((a, b) => (b.size < a.size ? b : a)).key);
  return partition(rows, heldOut);
}

/**
 * Cuts the rows into k folds, whole groups only, of sizes as even as the groups allow: groups go in a random order, the large
 * ones first, each to the fold that is smallest so far. The order of the rows does not matter.
 * @param rows - the rows
 * @param k - the number of folds, at least 2
 * @param seed - an integer; the same seed gives the same folds
 * @returns for each fold the rows outside it (`train`) and within it (`holdout`)
 * @throws UserError `bad-input` with fewer than k groups; `bad-recipe` when k is no integer of at least 2
 */
export function kFold<Row extends Grouped>(rows: readonly Row[], k: number, seed: number): Split<Row>[] {
  if (!Number.isInteger(k) || k < 2)
    throw new UserError('bad-recipe', `folds: expected an integer of at least 2, got ${show(k)}`);
  const groups = groupSizes(rows);
  requireGroups(groups.length, k, `${k} folds`);
  const order = shuffledIndices(groups.length, seed, foldStream).map((i) => groups[i]!);
  const folds = Array.from({ length: k }, () => ({ keys: new Set<string>(), size: 0 }));
  for (const group of order.sort((a, b) => b.size - a.size)) {
    const fold = folds.reduce((a, b) => (b.size < a.size ? b : a));
    fold.keys.add(group.key);
    fold.size += group.size;
  }
  return folds.map(({ keys }) => partition(rows, keys));
}

/**
 * The rows that the manifest puts in one split.
 * @param rows - the rows
 * @param name - the split, as its column says
 * @returns the rows, at least one
 * @throws UserError `bad-input` when no row is in it, with the splits that there are
 */
export function rowsOfSplit<Row extends Pick<Grouped, 'split'>>(rows: readonly Row[], name: string): Row[] {
  const found = rows.filter((row) => row.split === name);
  if (found.length > 0) return found;
  const names = [...new Set(rows.flatMap((row) => row.split ?? []))].sort();
  const near = nearest(name, names);
  const got =
    names.length > 0 ? names.map((other) => show(other)).join(', ') : 'no split column or only empty cells in it';
  throw new UserError(
    'bad-input',
    `split: expected rows of ${show(name)}, got ${got}`,
    near === undefined ? {} : { hint: `did you mean ${show(near)}?` },
  );
}

/**
 * The groups that lie in more than one split: a model that trained on one of their clips has seen the content of the others.
 * Rows without a group or without a split cannot leak.
 * @param rows - the rows of all splits
 * @returns one entry a group, in the order of first appearance; empty when nothing leaks
 */
export function leakingGroups(rows: readonly Grouped[]): Leak[] {
  const byGroup = new Map<string, { splits: Set<string>; numRows: number }>();
  for (const { group, split } of rows) {
    if (group === undefined || split === undefined) continue;
    const entry = byGroup.get(group) ?? { splits: new Set(), numRows: 0 };
    entry.splits.add(split);
    entry.numRows++;
    byGroup.set(group, entry);
  }
  return [...byGroup].flatMap(([group, { splits, numRows }]) =>
    splits.size > 1 ? [{ group, splits: [...splits].sort(), numRows }] : [],
  );
}

/** The row's group, or the row itself; the first letter keeps a group and a row of one name apart. */
function keyOf(row: Grouped): string {
  return row.group === undefined ? `r${row.id}` : `g${row.group}`;
}

/** Sorted, so that the order of the rows has no say. */
function groupSizes(rows: readonly Grouped[]): { key: string; size: number }[] {
  const sizes = new Map<string, number>();
  for (const row of rows) sizes.set(keyOf(row), (sizes.get(keyOf(row)) ?? 0) + 1);
  return [...sizes].map(([key, size]) => ({ key, size })).sort((a, b) => (a.key < b.key ? -1 : 1));
}

function requireGroups(numGroups: number, needed: number, what: string): void {
  if (numGroups >= needed) return;
  throw new UserError('bad-input', `split: expected at least ${needed} groups for ${what}, got ${numGroups}`, {
    hint: 'related clips stay together, so a split needs as many groups as it has parts; check the group column',
  });
}

function partition<Row extends Grouped>(rows: readonly Row[], heldOut: ReadonlySet<string>): Split<Row> {
  const train = rows.filter((row) => !heldOut.has(keyOf(row)));
  const holdout = rows.filter((row) => heldOut.has(keyOf(row)));
  invariant(train.length > 0 && holdout.length > 0, 'a split has an empty part');
  return { train, holdout };
}
