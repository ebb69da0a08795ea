// What a finished run leaves under `results/`: a description that people can read, and its scores, compressed. Small, to be committed.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib';
import { z } from 'zod';
import { UserError, packageVersion as version } from '../../core/index.ts';
import { isCode, makeFolder, readJson, writeFileAtomic } from '../../files/index.ts';
import { listProblems } from '../../model/index.ts';
import type { StoredScore } from '../../score/index.ts';
import type { ValidationScores } from '../../train/index.ts';

/** What a run says of a reported clip; all are null where it could not be scored. */
export interface ResultScore {
  /** The expectation, on the scale of the opinion scores; of an answer that is generated, its value. */
  score: number | null;
  /** The greedy answer as an integer, 10 to 50. */
  integer: number | null;
  /** Standard deviation of the distribution; null where there is none. */
  std: number | null;
  /** Probability of all legal answers together; null where answers are generated. */
  legalMass: number | null;
  /** Probability of each answer, in thousandths; null where answers are generated. */
  thousandths: number[] | null;
}

/** The checkpoint that was chosen. */
export interface ChosenCheckpoint {
  /** Updates before it. */
  step: number;
  /** Passes over the data before it. */
  epoch: number;
  /** What validation said of it; null without validation. */
  validation: ValidationScores | null;
}

/** Answers that were generated freely. */
export interface FreeAnswerCount {
  /** Clips that were asked about. */
  asked: number;
  /** Answers that are one legal answer and nothing else. */
  legal: number;
}

/** A finished run, without its scores. */
export interface ResultDescription {
  /** Version of this format. */
  format: 1;
  /** Name of its arm. */
  arm: string;
  /** Its seed. */
  seed: number;
  /** SHA-256 of what its scores depend on. */
  identity: string;
  /** Its recipe; paths are relative to the study's file. */
  recipe: Record<string, unknown>;
  /** Keys of the recipe that differed when clips were scored, as `KEY=VALUE`; left out where none did. */
  scoring?: string[] | undefined;
  /** Rows that it trained on. */
  numTrain: number;
  /** Updates of the whole run. */
  totalSteps: number;
  /** The checkpoint that was scored. */
  chosen: ChosenCheckpoint;
  /** Seconds of training, validation included, on the machine that it ran on. */
  seconds: number;
  /** Values of the answers, on the scale of the opinion scores, rising; null where they are generated. */
  answers: number[] | null;
  /** Answers that were generated freely at temperature 0, and how many of them are one legal answer and nothing else; null where none were. */
  free: FreeAnswerCount | null;
  /** Why clips could not be scored: each reason with how many have it. */
  errors: Record<string, number>;
  /** SHA-256 of the file of scores, as it is stored. */
  scores: string;
  /** Version of iovqa. */
  writtenBy: string;
}

/** A finished run. */
export interface RunResult extends ResultDescription {
  /** What it says of each reported clip, in their order. */
  rows: ResultScore[];
}

const nullable = z.number().nullable();
const validation: z.ZodType<ValidationScores> = z.object({
  srcc: nullable,
  plcc: nullable,
  challenge: nullable,
  rmse: nullable,
  rmseOfMean: nullable,
  legalMass: nullable,
  undefinedBecause: z.string(),
});
const schema: z.ZodType<ResultDescription> = z.strictObject({
  format: z.literal(1),
  arm: z.string(),
  seed: z.int(),
  identity: z.string(),
  recipe: z.record(z.string(), z.unknown()),
  scoring: z.array(z.string()).optional(),
  numTrain: z.int(),
  totalSteps: z.int(),
  chosen: z.strictObject({ step: z.int(), epoch: z.number(), validation: validation.nullable() }),
  seconds: z.number(),
  answers: z.array(z.number()).nullable(),
  free: z.strictObject({ asked: z.int(), legal: z.int() }).nullable(),
  errors: z.record(z.string(), z.int()),
  scores: z.string(),
  writtenBy: z.string(),
});
const rowsSchema = z.array(z.tuple([nullable, nullable, nullable, nullable, z.array(z.int()).nullable()]));

const descriptionOf = (results: string, name: string): string => join(results, `${name}.json`);
const scoresOf = (results: string, name: string): string => join(results, `${name}.scores.br`);

/**
 * A row of scores as results keep it: six decimals of a number, three of a probability.
 * @param row - from `readScores`
 */
export function resultScore({ score, integer, std, legalMass, distribution }: StoredScore): ResultScore {
  const short = (x: number | null): number | null => (x === null ? null : Number(x.toFixed(6)));
  return {
    score: short(score),
    integer,
    std: short(std),
    legalMass: short(legalMass),
    thousandths: distribution?.probabilities.map((p) => Math.round(1000 * p)) ?? null,
  };
}

/**
 * Keeps a result. The description is written last: with it, the run is finished.
 * @param results - folder of the study's results
 * @param name - of the run
 * @param result - description and rows
 */
export async function writeResult(
  results: string,
  name: string,
  { rows, ...about }: Omit<RunResult, 'format' | 'scores' | 'writtenBy'>,
): Promise<void> {
  const text = JSON.stringify(
    rows.map(({ score, integer, std, legalMass, thousandths }) => [score, integer, std, legalMass, thousandths]),
  );
  const bytes = brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_LGWIN]: 22 } });
  await makeFolder(dirname(descriptionOf(results, name)));
  await writeFileAtomic(scoresOf(results, name), bytes);
  const scores = createHash('sha256').update(bytes).digest('hex');
  const description: ResultDescription = { format: 1, ...about, scores, writtenBy: version };
  await writeFileAtomic(descriptionOf(results, name), `${JSON.stringify(description, null, 1)}\n`);
}

/**
 * Reads a result.
 * @param results - folder of the study's results
 * @param name - of the run
 * @returns null where there is none
 * @throws UserError `bad-input` for files that are damaged, or do not belong together
 */
export async function readResult(results: string, name: string): Promise<RunResult | null> {
  const path = descriptionOf(results, name);
  const json = await readJson(path, 'bad-input');
  if (json === undefined) return null;
  const hint = `Delete ${path} to run it again.`;
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw new UserError('bad-input', `${path}: expected the result of a run, got: ${listProblems(problems)}`, { hint });
  }
  const file = scoresOf(results, name);
  const bytes = await readFile(file).catch((error: unknown) => {
    if (isCode(error, 'ENOENT')) return null;
    throw error;
  });
  if (bytes === null || createHash('sha256').update(bytes).digest('hex') !== parsed.data.scores) {
    const got = bytes === null ? 'no such file' : 'others';
    throw new UserError('bad-input', `${file}: expected the scores that ${path} names, got ${got}`, { hint });
  }
  const rows = rowsSchema.safeParse(unpack(bytes));
  if (!rows.success) throw new UserError('bad-input', `${file}: expected rows of scores, got something else`, { hint });
  return {
    ...parsed.data,
    rows: rows.data.map(([score, integer, std, legalMass, thousandths]) => ({
      score,
      integer,
      std,
      legalMass,
      thousandths,
    })),
  };
}

/** Many times what any real result holds: the files may be another's. */
const MAX_TEXT = 1 << 29;

function unpack(bytes: Buffer): unknown {
  try {
    return JSON.parse(brotliDecompressSync(bytes, { maxOutputLength: MAX_TEXT }).toString());
  } catch {
    return undefined;
  }
}
