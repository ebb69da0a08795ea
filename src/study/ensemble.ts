// Several models that score as one: the weighted mean of what each says of a clip.
import { UserError, createDisposer, oneLine } from '../core/index.ts';
import type { MosScale } from '../dataset/index.ts';
import { scaleName } from '../dataset/index.ts';
import type { Clip } from '../inputs/index.ts';
import type { ClipPrediction, Predictor, ScorerOptions, ScoresMeta, ScoreStream } from '../score/index.ts';
import { createSharedParts, describeScores, notesOn, openPredictor, predictClips } from '../score/index.ts';
import type { StoredMember } from './ensemble-file.ts';
import { readEnsembleFile, requireNoEnsemble, writeEnsembleFile } from './ensemble-file.ts';
import { normaliseWeights } from './ensemble-weights.ts';

/** A model of an ensemble. */
export interface EnsembleMember {
  /** The folder of a run (its best checkpoint), an adapter or a model; or a name on the hub. */
  path: string;
  /** How much it counts beside the others; above 0. Default 1. */
  weight?: number;
}

/** The combined score of a clip. */
export interface EnsembleScore {
  /** The clip, as it was given. */
  clip: Clip;
  /** Its row in the list, from 1. */
  row: number;
  /** Weighted mean of the members' scores, on their scale. */
  score: number;
  /** Weighted mean of the members' greedy integers, rounded: what the paper reads out. 10 to 50. */
  integer: number;
  /**
   * Standard deviation of the mixture of the members' distributions: their own spread and how far they are apart. Null with a member
   * whose answers are generated.
   */
  std: number | null;
  /** Weighted mean of the members' probability of legal answers, 0 to 1; null with a member whose answers are generated. */
  legalMass: number | null;
  /** Whether no member had to look at the clip. */
  cached: boolean;
  /** What each member says, in their order. */
  members: ClipPrediction[];
}

/** Several models that score as one. Dispose of it to free its memory and processes. */
export interface Ensemble {
  /** The members, with weights that add up to 1. */
  readonly members: readonly Required<EnsembleMember>[];
  /** The scale that scores are given on: that of all members. */
  readonly scale: MosScale;
  /** What the members' cards say they were trained on and how far to trust them, each text once; null where none says so. */
  readonly about: string | null;
  /** What a user should know, such as that a member was never trained for this. */
  readonly notes: readonly string[];
  /** Refuses a text prompt that is too long for any clip, as `Scorer.checkPrompt` does. */
  checkPrompt: (prompt: string) => void;
  /**
   * Scores clips in order, as `Scorer.score` does; a clip that one member cannot score has that member's error.
   * @param clips - the clips
   * @param signal - stops the stream with its reason
   * @param options - whether clips are read in groups
   */
  score: ScoreStream<EnsembleScore>;
  /** What makes the scores, for `FILE.meta.json` beside them. */
  describe: () => Promise<ScoresMeta>;
  /** Ends the decoding processes and frees the sessions. */
  close: () => Promise<void>;
  /** `close`, for `await using` (TypeScript, or Node 24). */
  [Symbol.asyncDispose]: () => Promise<void>;
}

/**
 * Opens an ensemble. Members share what they can: frames are decoded and seen by the tower once for all that take the same frames of
 * the same base model, and adapters of one shape share a session.
 * @param source - the folder that {@link createEnsemble} made, or members
 * @param options - machine, base model, question of members without a card
 * @throws UserError `bad-checkpoint` for members that do not open, that changed since, or that score on different scales
 */
export async function loadEnsemble(
  source: string | readonly EnsembleMember[],
  options: ScorerOptions = {},
): Promise<Ensemble> {
  const stored = typeof source === 'string' ? await readEnsembleFile(source) : null;
  const asked: readonly EnsembleMember[] = stored ?? (source as readonly EnsembleMember[]);
  if (asked.length === 0) throw new UserError('bad-input', 'ensemble: expected at least one member, got none');
  const weights = normaliseWeights(asked.map(({ weight = 1 }) => weight));
  const disposer = createDisposer();
  const close = disposer[Symbol.asyncDispose];
  try {
    const parts = createSharedParts(options, disposer);
    const members: Predictor[] = [];
    for (const { path } of asked) members.push(await openPredictor(path, options, parts));
    if (stored !== null) await requireUnchanged(source as string, stored, members);
    const scale = commonScale(members);
    return {
      members: asked.map(({ path }, i) => ({ path, weight: weights[i]! })),
      scale,
      about: aboutAll(members),
      notes: [...new Set(members.flatMap(notesOn))],
      checkPrompt: (prompt) => {
        for (const member of members) member.checkPrompt(prompt);
      },
      score: async function* (clips, signal, { inGroups } = {}) {
        for await (const result of predictClips(members, clips, { ...options, inGroups, signal })) {
          yield 'error' in result
            ? result
            : { clip: result.clip, row: result.row, ...combine(result.predictions, weights) };
        }
      },
      describe: async () => {
        const models = await Promise.all(
          members.map(async (member, i) => ({
            path: asked[i]!.path,
            weight: weights[i]!,
            ...(await member.describe()),
          })),
        );
        return describeScores({ models, isEnsemble: true, scale, basis: aboutAll(members) }, options);
      },
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * Makes an ensemble: opens each member, and writes which they are to `ensemble.json`.
 * @param folder - where it goes; a folder without an ensemble in it, made when missing
 * @param members - at least one; their weights are divided by their sum
 * @param options - base model, question of members without a card
 * @returns the members as written
 * @throws UserError `bad-input` for weights that are not above 0, a member named twice, and a folder that holds an ensemble or that
 *   another process writes one to;
 *   `bad-checkpoint` for members that do not open, or that score on different scales
 */
export async function createEnsemble(
  folder: string,
  members: readonly EnsembleMember[],
  options: ScorerOptions = {},
): Promise<StoredMember[]> {
  await requireNoEnsemble(folder);
  const disposer = createDisposer();
  try {
    const parts = createSharedParts({ ...options, cache: false }, disposer);
    const weights = normaliseWeights(members.map(({ weight = 1 }) => weight));
    const opened: Predictor[] = [];
    const stored: StoredMember[] = [];
    for (const [i, { path }] of members.entries()) {
      const member = await openPredictor(path, options, parts);
      const sha256 = await member.hash();
      const before = stored.find((other) => other.sha256 === sha256);
      if (before !== undefined) {
        const got = before.path === path ? `${oneLine(path)} twice` : `the same in ${oneLine(before.path)} and ${path}`;
        throw new UserError('bad-input', `ensemble: expected each member once, got ${got}`, {
          hint: 'Give it a larger weight instead.',
        });
      }
      opened.push(member);
      stored.push({ path, weight: weights[i]!, sha256 });
    }
    commonScale(opened);
    await writeEnsembleFile(folder, stored);
    return stored;
  } finally {
    await disposer[Symbol.asyncDispose]();
  }
}

/**
 * Combines what members say of a clip.
 * @param predictions - one a member, on one scale
 * @param weights - one a member; together 1
 */
export function combine(
  predictions: readonly ClipPrediction[],
  weights: readonly number[],
): Omit<EnsembleScore, 'clip' | 'row'> {
  const mean = (valueOf: (prediction: ClipPrediction) => number): number =>
    predictions.reduce((sum, prediction, i) => sum + weights[i]! * valueOf(prediction), 0);
  const score = mean((prediction) => prediction.score);
  const known = predictions.every(({ std, legalMass }) => std !== null && legalMass !== null);
  // About the mean, and not as a difference of squares, which loses digits.
  const variance = (prediction: ClipPrediction): number => prediction.std! ** 2 + (prediction.score - score) ** 2;
  return {
    score,
    integer: Math.round(mean((prediction) => prediction.integer)),
    std: known ? Math.sqrt(mean(variance)) : null,
    legalMass: known ? mean((prediction) => prediction.legalMass!) : null,
    cached: predictions.every(({ cached }) => cached),
    members: [...predictions],
  };
}

function aboutAll(members: readonly Predictor[]): string | null {
  const texts = new Set(members.flatMap(({ about }) => about ?? []));
  return texts.size === 0 ? null : [...texts].join(' | ');
}

function commonScale(members: readonly Predictor[]): MosScale {
  const scales = members.map(({ settings }) => scaleName(settings.scale));
  const other = scales.findIndex((scale) => scale !== scales[0]);
  if (other < 0) return members[0]!.settings.scale;
  const says = (i: number): string => `${scales[i]} (${members[i]!.folder})`;
  throw new UserError('bad-checkpoint', `ensemble: expected members with one scale, got ${says(0)} and ${says(other)}`);
}

async function requireUnchanged(
  folder: string,
  stored: readonly StoredMember[],
  members: readonly Predictor[],
): Promise<void> {
  for (const [i, { path, sha256 }] of stored.entries()) {
    if ((await members[i]!.hash()) === sha256) continue;
    throw new UserError('bad-checkpoint', `${folder}: expected the member ${path} as it was, got another one there`, {
      hint: 'It was trained further or replaced: make the ensemble again.',
    });
  }
}
