// `FILE.meta.json` beside a file of scores: what made them, written whole before the first row.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { UserError } from '../../core/index.ts';
import type { MosScale } from '../../dataset/index.ts';
import { readJson, writeFileAtomic } from '../../files/index.ts';
import { listProblems } from '../../model/index.ts';
import type { ScoresPart } from './part.ts';

/** The question of a model. */
export interface ScoresTemplate {
  /** Name of the template. */
  name: string;
  /** SHA-256 of the chat text around and in it. */
  sha256: string;
}

/** How a model's answers are written. */
export interface ScoresAnswer {
  /** Kind of the answer code. */
  kind: string;
  /** Its step on 1–5; null for the kind's own. */
  step: number | null;
  /** Whether they stand in a sentence, whose beginning the model is given; left out where they stand alone. */
  sentence?: boolean | undefined;
  /**
   * What each legal answer stands for, on the scale of the scores, in the order in which rows have its probability: rising on 1–5. Null
   * where answers are generated; left out in format 1.
   */
  values?: number[] | null | undefined;
}

/** A model that scores, alone or as a member of an ensemble, and how it is asked. */
export interface ScoresModel {
  /** Its folder, or its name on the hub. Two descriptions that differ in nothing else are the same. */
  path: string;
  /** How much it counts in an ensemble, whose weights add up to 1; 1 for a model alone and for the run of a fold. */
  weight: number;
  /** Hash of the base model, or of the model itself, as `Checkpoint.hash` gives it. */
  modelHash: string;
  /** SHA-256 of the tokenizer's file. */
  tokenizerHash: string;
  /** SHA-256 of the adapter's tensors; null without an adapter. */
  adapterHash: string | null;
  /** SHA-256 of the adapter's rank, scale and targets; null without an adapter. */
  loraHash: string | null;
  /** The question. */
  template: ScoresTemplate;
  /** How answers are written. */
  answer: ScoresAnswer;
  /** Which positions videos get. */
  positions: string;
  /** Most tokens of a clip's text; a longer one is an error. */
  maxTextTokens: number;
  /** Frames: which, how many, how large. */
  frames: Record<string, string | number | boolean | null>;
  /** The engine that computes, with its version; left out for the engine of the project. */
  engine?: string | undefined;
  /** SHA-256 of the scores that its scores are ranked among, in an ensemble that averages ranks; left out elsewhere. */
  reference?: string | undefined;
}

/** What of the way in which graphs are run moves the last bits of a score. */
export interface ScoresRuntime {
  /** Execution provider. */
  provider: string;
  /** Threads of one op, as asked for; 0 for one for each physical core. */
  threads: number;
  /** Most clips of a run of the graph. */
  batchSize: number;
  /** Most memory of such a run, in bytes, as asked for; null for the machine's. */
  maxMemory: number | null;
  /** What decodes clips, with its version: names and versions by what they do. */
  decoders: Record<string, string>;
  /** Version of ONNX Runtime. */
  onnxruntime: string;
}

/** The machine that wrote a file's first rows. */
export interface ScoresMachine {
  /** Its processor. */
  cpu: string;
  /** Hash of everything about it that moves the last bits of a score. */
  hash: string;
}

/** What made the scores of a file. */
export interface ScoresMeta {
  /** Version of this format: 2; 1 for files of earlier versions, whose rows have no distributions. */
  format: 1 | 2;
  /** The model, or the members of the ensemble in their order; of `cross-validate`, the run of each fold. */
  models: ScoresModel[];
  /** Whether the scores are those of an ensemble, with a column for each member. */
  isEnsemble: boolean;
  /** The scale that scores are given on. */
  scale: MosScale;
  /** What the models were trained on and how far to trust them, as their cards say; null where none says so. */
  basis: string | null;
  /** How graphs are run. */
  runtime: ScoresRuntime;
  /** Which part of a list the file has; left out where it has the whole list. */
  part?: ScoresPart | undefined;
  /** The machine. Another one may go on with the file: the rest then differs from it in the last digits at most. */
  machine: ScoresMachine;
  /** Version of iovqa. */
  writtenBy: string;
}

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const plain = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const values = z.array(z.number()).min(1).max(10_000).nullable().optional();
const schema: z.ZodType<ScoresMeta> = z.strictObject({
  format: z.union([z.literal(1), z.literal(2)]),
  models: z
    .array(
      z.strictObject({
        path: z.string(),
        weight: z.number().positive(),
        modelHash: hash,
        tokenizerHash: hash,
        adapterHash: hash.nullable(),
        loraHash: hash.nullable(),
        template: z.strictObject({ name: z.string(), sha256: hash }),
        answer: z.strictObject({
          kind: z.string(),
          step: z.number().nullable(),
          sentence: z.boolean().optional(),
          values,
        }),
        positions: z.string(),
        maxTextTokens: z.number(),
        frames: z.record(z.string(), plain),
        engine: z.string().optional(),
        reference: hash.optional(),
      }),
    )
    .min(1)
    .max(1000),
  isEnsemble: z.boolean(),
  scale: z.strictObject({ min: z.number(), max: z.number(), higherIsBetter: z.boolean() }),
  basis: z.string().nullable(),
  runtime: z.strictObject({
    provider: z.string(),
    threads: z.number(),
    batchSize: z.number(),
    maxMemory: z.number().nullable(),
    decoders: z.record(z.string(), z.string()),
    onnxruntime: z.string(),
  }),
  part: z
    .strictObject({ number: z.int().min(1), of: z.int().min(1), numRows: z.int().min(0), listHash: hash })
    .refine(({ number, of }) => number <= of, { message: 'expected number ≤ of' })
    .optional(),
  machine: z.strictObject({ cpu: z.string(), hash }),
  writtenBy: z.string(),
});

/**
 * The file with the description of a file of scores.
 * @param path - the file of scores
 * @returns `FILE.meta.json`
 */
export function scoresMetaPath(path: string): string {
  return `${path}.meta.json`;
}

/**
 * Reads what made a file of scores.
 * @param path - the file of scores, not that of its description
 * @returns the description; null where there is none, as beside files of earlier versions and of other programs
 * @throws UserError `bad-input` when it is there but is none; `not-supported` for one of a later format
 */
export async function readScoresMeta(path: string): Promise<ScoresMeta | null> {
  const file = scoresMetaPath(path);
  const json = await readJson(file, 'bad-input');
  if (json === undefined) return null;
  const format = typeof json === 'object' && json !== null && 'format' in json ? json.format : undefined;
  if (typeof format === 'number' && format > 2) {
    throw new UserError('not-supported', `${file}: expected format 1 or 2, got ${format}`, {
      hint: 'A later version of iovqa wrote it: update iovqa.',
    });
  }
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const problems = result.error.issues.map(({ path: at, message }) => `${at.join('.')}: ${message}`);
  throw new UserError('bad-input', `${file}: expected what made ${path}, got: ${listProblems(problems)}`);
}

/**
 * Reads what made a file of scores.
 * @param path - the file of scores
 * @throws UserError `bad-input` when nothing says so; else as {@link readScoresMeta}
 */
export async function requireScoresMeta(path: string): Promise<ScoresMeta> {
  const meta = await readScoresMeta(path);
  if (meta !== null) return meta;
  throw new UserError('bad-input', `${path}: expected ${scoresMetaPath(path)} beside it, got none`, {
    hint: 'Without it, nothing says what made the rows (earlier versions wrote none). Score the list to another file; what is in the cache is not computed again.',
  });
}

/**
 * Writes what makes a file of scores, before its first row.
 * @param path - the file of scores
 * @param meta - its description
 */
export async function writeScoresMeta(path: string, meta: ScoresMeta): Promise<void> {
  await writeFileAtomic(scoresMetaPath(path), `${JSON.stringify(meta, null, 2)}\n`);
}

/**
 * What decides which clips are too large, or moves the last digits of a score at most: a file may be gone on with when it differs, so
 * that `--retry-failed` can have higher limits.
 */
const minor = /^(?:models\.\d+\.maxTextTokens|runtime\.(?:maxMemory|threads))$/;

/**
 * A hash of everything that makes scores what they are, but for where the models lie, which machine it is, which part of a list is
 * scored, and minor facts.
 * @param meta - the description
 * @returns SHA-256, in hexadecimal
 */
export function hashOfMeta(meta: ScoresMeta): string {
  return createHash('sha256')
    .update(JSON.stringify([...facts(meta)].filter(([what]) => !minor.test(what))))
    .digest('hex');
}

/** A fact of two descriptions that is not the same. */
export interface MetaDifference {
  /** Which, such as `models.1.adapterHash`. */
  what: string;
  /** What the file was begun with, as JSON; undefined where it had none. */
  before: string | undefined;
  /** What it is now. */
  now: string | undefined;
  /** Whether it decides only which clips are too large, or moves the last digits of a score at most. */
  isMinor: boolean;
}

/**
 * What differs between two descriptions, but for where the models lie, which machine it is and which part of a list is scored.
 * @param before - what a file was begun with
 * @param now - what would go on with it
 */
export function metaDifferences(before: ScoresMeta, now: ScoresMeta): MetaDifference[] {
  const [old, fresh] = [facts(before), facts(now)];
  return [...new Set([...old.keys(), ...fresh.keys()])]
    .filter((what) => old.get(what) !== fresh.get(what))
    .map((what) => ({ what, before: old.get(what), now: fresh.get(what), isMinor: minor.test(what) }));
}

/**
 * Every value of a description by its place, in an order that does not depend on that of the keys. The format says what rows hold and
 * not what made them, and the answers' values follow from kind, step and scale: a row has one key in all formats.
 */
function facts({ machine: _machine, part: _part, models, ...rest }: ScoresMeta): Map<string, string> {
  const found = new Map<string, string>();
  const walk = (value: unknown, place: string): void => {
    if (value === undefined) return; // a file does not have it
    if (typeof value !== 'object' || value === null) {
      found.set(place, JSON.stringify(value));
      return;
    }
    for (const key of Object.keys(value).sort()) {
      walk((value as Record<string, unknown>)[key], place === '' ? key : `${place}.${key}`);
    }
  };
  const made = models.map(({ path: _path, answer: { values: _values, ...answer }, ...model }) => ({
    ...model,
    answer,
  }));
  walk({ ...rest, format: 1, models: Object.fromEntries(made.map((model, i) => [i + 1, model])) }, '');
  return found;
}
