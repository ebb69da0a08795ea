// By what a list is known: the names and keys of its rows, which the rows of scores have, too.
import { createHash } from 'node:crypto';
import { rowKey } from './line.ts';
import type { ScoresPart } from './part.ts';
import type { ClipList } from './score-list.ts';

/** Takes in the rows of a list, one by one, and gives its hash. */
export interface ListHash {
  /** The next row: its name and its key. */
  add: (clip: string, key: string) => void;
  /** Hash of all rows. */
  digest: () => string;
}

/** Begins the hash of a list. */
export function startListHash(): ListHash {
  const hash = createHash('sha256');
  return {
    add: (clip, key) => void hash.update(`${JSON.stringify([clip, key])}\n`),
    digest: () => hash.digest('hex'),
  };
}

/**
 * Reads a list to its end.
 * @param list - the list
 * @param made - hash of what makes its scores, as `hashOfMeta` gives it
 */
export async function describeList(list: ClipList, made: string): Promise<Pick<ScoresPart, 'numRows' | 'listHash'>> {
  const hash = startListHash();
  let numRows = 0;
  for await (const item of list()) {
    hash.add(item.id, rowKey(made, 'reason' in item ? undefined : item.prompt));
    numRows++;
  }
  return { numRows, listHash: hash.digest() };
}
