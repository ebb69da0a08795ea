// Reads a file of scores as numbers: each clip's scores, and the distributions over the answers, of each model and of all together.
import { UserError, show } from '../../core/index.ts';
import type { ScoreDistribution } from './distribution.ts';
import { mixtureOf } from './distribution.ts';
import type { ScoresMeta } from './meta.ts';
import { requireScoresMeta } from './meta.ts';
import type { StoredLine } from './read.ts';
import { readStoredLines } from './read.ts';
import type { SeenFields } from './seen.ts';

/** What a model of a file says of a clip. Files of format 1 and CSV have its score alone. */
export interface StoredModelScore extends Pick<SeenFields, 'pixels' | 'seconds'> {
  /** Its score. */
  score: number;
  /** Its distribution; null where answers are generated. */
  distribution: ScoreDistribution | null;
}

/** A row of a file of scores, as it is read. */
export interface StoredScore {
  /** Its number in the list, from 1. */
  row: number;
  /** Name of the clip. */
  clip: string;
  /** The score, on the scale of the description; null when the clip could not be scored. */
  score: number | null;
  /** The greedy answer as an integer, 10 to 50. */
  integer: number | null;
  /** Standard deviation of the distribution, as it was computed. */
  std: number | null;
  /** Probability of all legal answers together, 0 to 1. */
  legalMass: number | null;
  /**
   * The distribution; of an ensemble the mixture of its members'. Files keep four decimals of a probability, which are divided by their
   * sum here: its mean and deviation are `score` and `std` but for that. Null where a model has none, and where ranks are averaged.
   */
  distribution: ScoreDistribution | null;
  /** What each model of the description says: one, or the members of an ensemble. None when the clip could not be scored. */
  models: StoredModelScore[];
  /** What a careful user should know of the pixels. CSV has all notes as one. */
  notes: string[];
  /** Why there is no score; null where there is one. */
  error: string | null;
  /** Short hash of what made the row. */
  key: string;
  /** In a file of `cross-validate`, the fold that the clip is in, from 1: its model is the description's of that number. Null elsewhere. */
  fold: number | null;
}

/**
 * Reads a file of scores that `score --out` or `openScoresFile` wrote, row by row. A last row that is not whole, of a file that is being
 * written or was left torn, is left out.
 * @param path - the file, with its description beside it
 * @returns the rows, in the order of the list
 * @throws UserError `bad-input` when nothing says what made the rows, or for what is no row of scores
 */
export async function* readScores(path: string): AsyncGenerator<StoredScore, void> {
  const meta = await requireScoresMeta(path);
  const read = rowReader(path, meta);
  for await (const stored of readStoredLines(path, meta)) yield read(stored);
}

/** From a row's `probabilities` to its distributions; a field that is something else is said to be so by `bad`. */
type DistributionReader = (
  field: unknown,
  bad: (expected: string) => UserError,
) => { all: ScoreDistribution | null; ofModels: (ScoreDistribution | null)[] };

/**
 * Reads what rows have as `probabilities`.
 * @param described - the file's description
 * @returns reads a field: the row's distribution, of an ensemble the mixture, and that of each model
 */
export function distributionReader(described: ScoresMeta): DistributionReader {
  const meta = ofOneRow(described);
  const answers = meta.models.map(({ answer }) => answer.values ?? null);
  const mix = mixtureOf(
    answers,
    meta.models.map(({ weight }) => weight),
  );
  const alone = answers.map((values) => mixtureOf([values], [1]));
  // A mean of ranks is not the mean of the mixture.
  const isRanks = meta.models.some(({ reference }) => reference !== undefined);
  const isDistribution = (one: unknown, i: number): one is number[] =>
    Array.isArray(one) && one.length === answers[i]?.length && one.every(isShare) && one.some((p) => p > 0);
  return (field, bad) => {
    const each = perModel(field, meta, isDistribution, (whose) =>
      bad(`as many numbers from 0 to 1 as there are answers${whose}`),
    );
    return { all: isRanks ? null : mix(each), ofModels: each.map((probabilities, i) => alone[i]!([probabilities])) };
  };
}

/**
 * A field that an ensemble's row has for each member, as one value a model.
 * @param bad - makes the error where it is something else; is told whose values were expected
 */
function perModel<T>(
  field: unknown,
  { models, isEnsemble }: ScoresMeta,
  isOne: (one: unknown, model: number) => one is T,
  bad: (whose: string) => UserError,
): (T | null)[] {
  if (field === null || field === undefined) return models.map(() => null);
  const each: unknown = isEnsemble ? field : [field];
  const isGood =
    Array.isArray(each) &&
    each.length === models.length &&
    each.every((one: unknown, i) => one === null || isOne(one, i));
  if (!isGood) throw bad(isEnsemble ? `, for each of ${models.length} members` : '');
  return each;
}

/** The description with the models of a row. The runs of all folds are asked the same, and each row has the answer of one. */
const ofOneRow = (meta: ScoresMeta): ScoresMeta =>
  meta.isEnsemble ? meta : { ...meta, models: meta.models.slice(0, 1) };

function rowReader(path: string, described: ScoresMeta): (stored: StoredLine) => StoredScore {
  const meta = ofOneRow(described);
  const scoreNames = meta.isEnsemble ? meta.models.map((_, i) => `member${i + 1}`) : ['score'];
  const readDistributions = distributionReader(meta);

  return ({ row, clip, key, hasFailed, line, fields }) => {
    const bad = (name: string, expected: string): UserError =>
      new UserError('bad-input', `${path}:${line}: ${name}: expected ${expected}, got ${show(fields[name])}`);
    const numberOf = (name: string): number | null => {
      const field = fields[name] ?? '';
      if (field === '') return null;
      const number = typeof field === 'string' ? Number(field) : field;
      if (typeof number === 'number' && Number.isFinite(number)) return number;
      throw bad(name, 'a number');
    };
    const numbers = { integer: numberOf('integer'), std: numberOf('std'), legalMass: numberOf('legalMass') };
    const about = { row, clip, ...numbers, notes: textsOf(fields['notes']), key, fold: numberOf('fold') };
    if (hasFailed) {
      return { ...about, score: null, distribution: null, models: [], error: String(fields['error']) };
    }
    const scoreOf = (name: string): number => {
      const score = numberOf(name);
      if (score === null) throw bad(name, 'a number');
      return score;
    };
    const { all, ofModels } = readDistributions(fields['probabilities'], (expected) => bad('probabilities', expected));
    const pixels = perModel(fields['pixels'], meta, isText, (whose) => bad('pixels', `a text${whose}`));
    const seconds = perModel(fields['seconds'], meta, areTimes, (whose) => bad('seconds', `numbers${whose}`));
    return {
      ...about,
      score: scoreOf('score'),
      distribution: all,
      models: scoreNames.map((name, i) => ({
        score: scoreOf(name),
        distribution: ofModels[i]!,
        pixels: pixels[i]!,
        seconds: seconds[i]!,
      })),
      error: null,
    };
  };
}

const isShare = (x: unknown): x is number => typeof x === 'number' && x >= 0 && x <= 1;
const isText = (x: unknown): x is string => typeof x === 'string';
const areTimes = (x: unknown): x is (number | null)[] =>
  Array.isArray(x) && x.every((time) => time === null || Number.isFinite(time));

function textsOf(field: unknown): string[] {
  if (Array.isArray(field)) return field.map(String);
  return typeof field === 'string' && field !== '' ? [field] : [];
}
