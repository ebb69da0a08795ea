// The card `iovqa.json` beside an adapter or model: how it is to be asked, what it was trained on, and golden scores.
import { join } from 'node:path';
import { z } from 'zod';
import { UserError, plainText } from '../core/index.ts';
import { readJson, writeFileAtomic } from '../files/index.ts';
import { listProblems, placeSchema, shortList } from './problems.ts';

/** Name of the card in the folder of an adapter or model. */
export const CARD_FILE = 'iovqa.json';

/** A score that a fixed picture had when the card was written. */
export interface CardGoldenScore {
  /** SHA-256 of the picture, in hexadecimal. */
  inputSha256: string;
  /** Its score on the card's scale. */
  score: number;
}

/** The question of a card. */
export interface CardPrompt {
  /** Name of the template. */
  template: string;
  /** Its text where it is the user's own; null for a built-in one. */
  source: string | null;
}

/** How a card's answers are written. */
export interface CardAnswer {
  /** Kind of the answer code. */
  kind: string;
  /** Its step on 1–5; null for the kind's own. */
  step: number | null;
  /** Whether they stand in a sentence; left out where they stand alone. */
  sentence?: boolean | undefined;
}

/** The scale of a card's scores. */
export interface CardScale {
  /** The lowest possible score. */
  min: number;
  /** The highest possible score. */
  max: number;
  /** False where up is worse. */
  higherIsBetter: boolean;
}

/** What a model was trained on. */
export interface CardTraining {
  /** SHA-256 of the manifest, in hexadecimal. */
  manifestSha256: string;
  /** Its column of scores. */
  targetColumn: string;
  /** Clips trained on. */
  numClips: number;
  /** Updates done. */
  step: number;
}

/** What must be known to use an adapter or model. */
export interface Card {
  /** Version of this format: 1. */
  format: 1;
  /** Hash of the base model, as `Checkpoint.hash` gives it; null for a model of its own. */
  baseHash: string | null;
  /** Folder or name of the base model; null for a model of its own. */
  baseModel: string | null;
  /** Frames: which, how many, how large. The video layer's settings. */
  frames: Record<string, string | number | boolean | null>;
  /** The question: a template's name, and its text where it is the user's own. */
  prompt: CardPrompt;
  /** How answers are written. */
  answer: CardAnswer;
  /** Which positions videos get. */
  positions: string;
  /** The scale of the scores. */
  scale: CardScale;
  /** What it was trained on. */
  training: CardTraining;
  /** What it was trained on and how far to trust it, for whoever sees its scores; left out where nobody wrote it. */
  about?: string | undefined;
  /** Scores to compare with after loading; none with generated answers. */
  goldenScores: CardGoldenScore[];
  /** Element type in which these were computed; left out for float32. */
  goldenPrecision?: 'bfloat16' | undefined;
  /** Version of iovqa that wrote it. */
  writtenBy: string;
}

/** Somebody else's words, as plain text. */
const words = (most: number): z.ZodType<string, string> => z.string().max(most).transform(plainText);

const hex = z.string().regex(/^[0-9a-f]{64}$/);
const schema: z.ZodType<Card> = z.strictObject({
  format: z.literal(1),
  baseHash: hex.nullable(),
  baseModel: placeSchema.nullable(),
  frames: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
  prompt: z.strictObject({ template: placeSchema, source: z.string().max(200_000).nullable() }),
  answer: z.strictObject({ kind: words(100), step: z.number().nullable(), sentence: z.boolean().optional() }),
  positions: words(100),
  scale: z.strictObject({ min: z.number(), max: z.number(), higherIsBetter: z.boolean() }),
  training: z.strictObject({
    manifestSha256: hex,
    targetColumn: words(4096),
    numClips: z.int().min(0),
    step: z.int().min(0),
  }),
  about: words(2000)
    .refine((text) => text.trim() !== '', 'expected text')
    .optional(),
  goldenScores: shortList(100).pipe(z.array(z.strictObject({ inputSha256: hex, score: z.number() }))),
  goldenPrecision: z.literal('bfloat16').optional(),
  writtenBy: words(200),
});

/**
 * Reads the card of an adapter or model.
 * @returns the card; null when there is none
 * @throws UserError `bad-checkpoint` with every problem; `not-supported` for a card of a later format
 */
export async function readCard(folder: string): Promise<Card | null> {
  const path = join(folder, CARD_FILE);
  const json = await readJson(path, 'bad-checkpoint');
  if (json === undefined) return null;
  const format = typeof json === 'object' && json !== null && 'format' in json ? json.format : undefined;
  if (typeof format === 'number' && format > 1) {
    throw new UserError('not-supported', `${path}: expected format 1, got ${format}`, {
      hint: 'A later version of iovqa wrote it: update iovqa.',
    });
  }
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const problems = result.error.issues.map(({ path: key, message }) => `${key.join('.')}: ${message}`);
  throw new UserError('bad-checkpoint', `${path}: expected a card, got ${listProblems(problems)}`);
}

/**
 * Writes a card.
 * @param folder - folder of the adapter or model
 */
export async function writeCard(folder: string, card: Card): Promise<void> {
  await writeFileAtomic(join(folder, CARD_FILE), `${JSON.stringify(card, null, 2)}\n`);
}
