// Parts of a list that are scored apart, on machines that know nothing of each other: which rows each has, and of which list it is.
import { UserError, show } from '../../core/index.ts';
import { rowsOfGroup } from '../score-stream.ts';

/** A part of a list. */
export interface ListPart {
  /** Which one, from 1. */
  number: number;
  /** Of how many. */
  of: number;
}

/** A part, and the list that it is of. */
export interface ScoresPart extends ListPart {
  /** Rows of the whole list. */
  numRows: number;
  /** SHA-256 of the names and keys of all rows of the list, in order. */
  listHash: string;
}

/** Which rows of a list are those of a part, by their numbers from 1. */
export interface PartRows {
  /** Whether a row is one of them. */
  has: (row: number) => boolean;
  /** The first one behind a row; behind 0, the first of all. */
  after: (row: number) => number;
  /** How many of the first rows of a list are among them. */
  count: (numRows: number) => number;
}

/**
 * The rows of a part: whole groups of the rows that are predicted together, dealt to the parts in turn. So each row has the bits that it
 * has when the whole list is scored; the length of the list need not be known; and neighbours, which are often alike in size, are
 * spread over all parts.
 * @param part - the part; undefined for the whole list
 * @param batchSize - most clips of a batch, of which groups follow
 */
export function rowsOfPart({ number, of }: ListPart = { number: 1, of: 1 }, batchSize?: number): PartRows {
  const size = rowsOfGroup(batchSize);
  const has = (row: number): boolean => (Math.ceil(row / size) - number) % of === 0;
  return {
    has,
    after: (row) => {
      if (row === 0) return (number - 1) * size + 1;
      return row % size === 0 ? row + (of - 1) * size + 1 : row + 1;
    },
    count: (numRows) => {
      const numGroups = Math.ceil(numRows / size);
      const own = Math.floor((numGroups - number + of) / of);
      return own * size - (numRows > 0 && has(numRows) ? numGroups * size - numRows : 0);
    },
  };
}

/** A part in words, as `--part` has it. */
export const partName = ({ number, of }: ListPart): string => `part ${number}/${of}`;

/**
 * Checks a part that a caller gives.
 * @throws UserError `bad-input` for one that is none
 */
export function requirePart({ number, of }: ListPart): void {
  if (Number.isSafeInteger(number) && Number.isSafeInteger(of) && 1 <= number && number <= of) return;
  throw new UserError('bad-input', `part: expected two whole numbers, 1 ≤ number ≤ of, got ${show({ number, of })}`);
}
