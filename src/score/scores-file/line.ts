// A row of scores: its fields, in the order in which files have them, and the hash of what made it.
import { createHash } from 'node:crypto';
import { formatCsvLine } from '../../dataset/index.ts';
import type { ScoresMeta } from './meta.ts';
import type { SeenFields } from './seen.ts';

/** A row of scores. */
export interface ScoreLine {
  /** Its number in the list, from 1. */
  row: number;
  /** Name of the clip: the manifest's, or the path. */
  clip: string;
  /** The score on the scale of the training data; null when the clip could not be scored. */
  score: number | null;
  /** The greedy answer as an integer, 10 to 50. */
  integer: number | null;
  /** Standard deviation of the distribution. */
  std: number | null;
  /** Probability of all legal answers together. */
  legalMass: number | null;
  /** Scores of an ensemble's members, in their order: `member1`, `member2`, … */
  [member: `member${number}`]: number | null;
  /** What the model was trained on and how far to trust it, where its card says so. */
  basis?: string;
  /** What a careful user should know of the pixels; left out where there is nothing. */
  notes?: string[];
  /** Why there is no score. */
  error?: string;
  /** Short hash of what made the row: the description of the scores, and the row's text prompt (see `rowKey`). */
  key: string;
  /** Names the pixels that the model saw (see {@link SeenFields}); of an ensemble, a value for each member. No clip without a score has it. */
  pixels?: PerModel<SeenFields['pixels']>;
  /** When the frames that it saw are shown; likewise. */
  seconds?: PerModel<SeenFields['seconds']>;
  /** Its distribution over the answers; likewise. */
  probabilities?: PerModel<SeenFields['probabilities']>;
}

/** What a model says, or in an ensemble what each member does, in their order. */
type PerModel<T> = T | T[];

/** Which optional fields the rows of a file have. */
export interface ScoreLineShape {
  /** Members of the ensemble that scores; 0 for a single model. */
  numMembers: number;
  /** Whether rows have a `basis`. */
  hasBasis: boolean;
}

/**
 * Which optional fields the rows of a file have.
 * @param meta - its description
 */
export function shapeOfMeta({ isEnsemble, models, basis }: ScoresMeta): ScoreLineShape {
  return { numMembers: isEnsemble ? models.length : 0, hasBasis: basis !== null };
}

type Column = 'row' | 'clip' | 'score' | 'integer' | 'std' | 'legalMass' | 'basis' | 'notes' | 'error' | 'key';

/**
 * The columns of a CSV file of scores: numbers and texts, without distributions and what was seen.
 * @param shape - which of the optional ones it has
 */
export function scoreColumns({ numMembers, hasBasis }: ScoreLineShape): (Column | `member${number}`)[] {
  const members = Array.from({ length: numMembers }, (_, i): `member${number}` => `member${i + 1}`);
  const basis = hasBasis ? (['basis'] as const) : [];
  return ['row', 'clip', 'score', 'integer', 'std', 'legalMass', ...members, ...basis, 'notes', 'error', 'key'];
}

/**
 * A row as a line of CSV; several notes are one field, with `; ` between them.
 * @param columns - the columns, as {@link scoreColumns} gives them
 * @returns the line with its end
 */
export function scoreCsvLine(line: ScoreLine, columns: readonly (Column | `member${number}`)[]): string {
  return formatCsvLine(
    columns.map((column) => {
      const value = line[column];
      return Array.isArray(value) ? value.join('; ') : String(value ?? '');
    }),
  );
}

/**
 * The short hash of what makes a row: equal for two rows when the same models are asked the same about a clip.
 * @param descriptionHash - of the models and how they are asked, as `hashOfMeta` gives it
 * @param prompt - the text that the clip was generated from
 * @returns 12 hexadecimal digits
 */
export function rowKey(descriptionHash: string, prompt: string | undefined): string {
  return createHash('sha256')
    .update(JSON.stringify([descriptionHash, prompt ?? null]))
    .digest('hex')
    .slice(0, 12);
}
