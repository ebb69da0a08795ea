// Several models that score as one: the weighted mean of what each says of a clip, or of where it ranks it.
import { UserError, createDisposer, oneLine } from '../core/index.ts';
import type { MosScale } from '../dataset/index.ts';
import { scaleName } from '../dataset/index.ts';
import type { InputWait } from '../engine/index.ts';
import type { Predictor, ScorerOptions, ScoresMeta, ScoreStream } from '../score/index.ts';
import { createSharedParts, describeScores, notesOn, openPredictor, predictClips, runSizes } from '../score/index.ts';
import type { EnsembleScore } from './ensemble-combine.ts';
import { combine, rankingOf } from './ensemble-combine.ts';
import type { StoredMember } from './ensemble-file.ts';
import { readEnsembleFile, requireNoEnsemble, writeEnsembleFile } from './ensemble-file.ts';
import { hashOfReference, readReference } from './ensemble-reference.ts';
import { normaliseWeights } from './ensemble-weights.ts';

/** A model of an ensemble. */
export interface EnsembleMember {
  /** The folder of a run (its best checkpoint), an adapter or a model; or a name on the hub. */
  path: string;
  /** How much it counts beside the others; above 0. Default 1. */
  weight?: number;
  /**
   * A file of its scores, with its description beside it, as `score --out` writes it. They must be its own; where ranks are combined,
   * its scores are ranked among these.
   */
  reference?: string;
}

/** What an ensemble averages. */
export type EnsembleCombination = 'scores' | 'ranks';

/** How an ensemble is opened or made. */
export interface EnsembleOptions extends ScorerOptions {
  /**
   * What is averaged: the members' scores, or their ranks among the scores of each one's reference, so that members with other spreads
   * count alike. A clip's score does not depend on other clips of the list in either case. Of a folder, its file says. Default `scores`.
   */
  combine?: EnsembleCombination;
}

/** Several models that score as one. Dispose of it to free its memory and processes. */
export interface Ensemble {
  /** The members, with weights that add up to 1. */
  readonly members: readonly Required<Pick<EnsembleMember, 'path' | 'weight'>>[];
  /** What is averaged. */
  readonly combine: EnsembleCombination;
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
  /** How long worker processes waited for input so far; null where engines compute in this process. */
  inputWait: () => InputWait | null;
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
 * @param given - machine, base model, question of members without a card
 * @throws UserError `bad-checkpoint` for members that do not open, that changed since, or that score on different scales; `bad-input`
 *   for a reference that is not the member's, or is missing
 */
export async function loadEnsemble(
  source: string | readonly EnsembleMember[],
  given: EnsembleOptions = {},
): Promise<Ensemble> {
  const options = { ...given, ...runSizes(given) };
  const stored = typeof source === 'string' ? await readEnsembleFile(source) : null;
  const asked: readonly Pick<EnsembleMember, 'path' | 'weight'>[] = stored ?? (source as readonly EnsembleMember[]);
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
    const references =
      stored?.map(({ reference }) => reference) ??
      (await referencesOf(source as readonly EnsembleMember[], members, options));
    const ranking = rankingOf(references, scale);
    return {
      members: asked.map(({ path }, i) => ({ path, weight: weights[i]! })),
      combine: ranking === null ? 'scores' : 'ranks',
      scale,
      about: aboutAll(members),
      notes: [...new Set(members.flatMap(notesOn))],
      checkPrompt: (prompt) => {
        for (const member of members) member.checkPrompt(prompt);
      },
      inputWait: parts.inputWait,
      score: async function* (clips, signal, { inGroups } = {}) {
        for await (const result of predictClips(members, clips, { ...options, inGroups, signal })) {
          yield 'error' in result
            ? result
            : { clip: result.clip, row: result.row, ...combine(result.predictions, weights, ranking) };
        }
      },
      describe: async () => {
        const models = await Promise.all(
          members.map(async (member, i) => ({
            path: asked[i]!.path,
            weight: weights[i]!,
            ...(await member.describe()),
            ...(references[i] === undefined ? {} : { reference: hashOfReference(references[i]) }),
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
 * @throws UserError `bad-input` for weights that are not above 0, a member named twice, a reference that is not the member's or is
 *   missing, and a folder that holds an ensemble or that another process writes one to;
 *   `bad-checkpoint` for members that do not open, or that score on different scales
 */
export async function createEnsemble(
  folder: string,
  members: readonly EnsembleMember[],
  options: EnsembleOptions = {},
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
    const references = await referencesOf(members, opened, options);
    for (const [i, reference] of references.entries()) if (reference !== undefined) stored[i]!.reference = reference;
    await writeEnsembleFile(folder, stored);
    return stored;
  } finally {
    await disposer[Symbol.asyncDispose]();
  }
}

/** Reads what scores are ranked among; references that are given for other ends are only looked at. */
async function referencesOf(
  asked: readonly EnsembleMember[],
  members: readonly Predictor[],
  { combine: what = 'scores' }: EnsembleOptions,
): Promise<(number[] | undefined)[]> {
  const found: (number[] | undefined)[] = [];
  for (const [i, { path, reference }] of asked.entries()) {
    if (reference === undefined && what === 'ranks') {
      throw new UserError('bad-input', `ranks: expected a reference of each member, got none of ${oneLine(path)}`);
    }
    const scores = reference === undefined ? undefined : await readReference(reference, members[i]!);
    found.push(what === 'ranks' ? scores : undefined);
  }
  return found;
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
