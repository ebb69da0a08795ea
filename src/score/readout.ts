// One model, one question, many clips: the compiled passes and what they read out. Trainer and scorer share it.
import { fromUnit5, stdFromUnit5 } from '../dataset/index.ts';
import type { RunOptions } from '../graph/index.ts';
import { forecastMemory } from '../graph/index.ts';
import type { PositionOptions } from '../example/index.ts';
import { buildScoringExample, promptRows, textFeeds } from '../example/index.ts';
import type { Checkpoint, LoraOptions, SharedText } from '../model/index.ts';
import { blameWeights, compileSharedText, modelGraph } from '../model/index.ts';
import type { AnswerTrie } from '../prompt/index.ts';
import { buildAnswerTrie } from '../prompt/index.ts';
import type { AnswerScorer, SharedBeginning } from './answer-graph.ts';
import { compileAnswerScorer, edgeLogProbs } from './answer-graph.ts';
import type { EncodedClip } from './clip-encoder.ts';
import { defaultMaxMemory, requireMemory, roughBytes } from './clip-limits.ts';
import type { Generator } from './generate.ts';
import { compileGenerator } from './generate.ts';
import type { Questioner, ScorerSettings } from './settings.ts';

/** What is read out for a clip. */
export interface Reading {
  /** The score on the user's scale: the mean of the distribution, or the generated answer with `raw`. */
  score: number;
  /** The greedy answer's characters: what the paper reads out at temperature 0. */
  answer: string;
  /** The greedy answer as an integer, 10 to 50: ten times the score that it stands for on 1–5, rounded. */
  integer: number;
  /** Standard deviation of the distribution, on the user's scale; null with `raw`. */
  std: number | null;
  /** How much of the full-vocabulary probability lies on legal answers, 0 to 1; null with `raw`. */
  legalMass: number | null;
  /** Probability of each legal answer, in rising order of value; null with `raw`. */
  probabilities: number[] | null;
}

/** What a {@link Readout} needs. */
export interface ReadoutOptions {
  /** The model. */
  checkpoint: Checkpoint;
  /** The adapter on top; null for none. */
  lora: LoraOptions | null;
  /** Whether the model's own weights are mapped from the checkpoint, or fed as parameters. */
  frozen: boolean;
  /** The question. */
  questioner: Questioner;
  /** Positions and scale. */
  settings: Pick<ScorerSettings, 'positions' | 'scale'>;
  /** How the graphs are run. */
  run?: RunOptions;
  /** Most memory of one run, in bytes; see `ClipLimits`. */
  maxMemory?: number | undefined;
}

/** Reads scores of encoded clips. Dispose of it to free its memory. */
export interface Readout {
  /**
   * Scores a batch.
   * @param parameters - values of what is fed: an adapter's factors, or all weights
   * @param clips - at least one
   * @param shared - what {@link Readout.share} gave for the same parameters, where all clips begin with its tokens
   * @returns one reading a clip
   * @throws UserError `non-finite` when the model's numbers are infinite or undefined, with the mapped weights that are; `bad-input`
   *   when a generated answer is no score (`raw` only); `not-supported`, before anything is allocated, when they need more memory than
   *   there is
   */
  read: (
    parameters: ReadonlyMap<string, Float32Array>,
    clips: readonly Omit<EncodedClip, 'plan'>[],
    shared?: SharedBeginning | null,
  ) => Promise<Reading[]>;
  /**
   * Refuses clips that are too large to be read together.
   * @param clips - at least one
   * @param shared - as for `read`
   * @throws UserError `not-supported` when the forecast is more memory than there is
   */
  requireMemory: (clips: readonly Pick<EncodedClip, 'prompt'>[], shared?: SharedBeginning | null) => void;
  /**
   * Computes text that clips begin with, once for all of them.
   * @param parameters - as for `read`
   * @param tokens - their first tokens; none stands for vision
   * @returns what `read` takes; null where answers are generated, or the model's own weights are fed
   */
  share: (parameters: ReadonlyMap<string, Float32Array>, tokens: Int32Array) => Promise<SharedBeginning | null>;
  /** Frees the memory of the sessions; the next batch opens them again. */
  rest: () => Promise<void>;
  /** Frees the sessions. */
  [Symbol.asyncDispose]: () => Promise<void>;
}

/**
 * How a model's rows get their positions.
 * @param checkpoint - the model
 * @param rule - the rule of the time axis
 */
export function positionOptions(
  checkpoint: Pick<Checkpoint, 'vision'>,
  rule: ScorerSettings['positions'],
): PositionOptions {
  const { spatialMergeSize, tokensPerSecond } = checkpoint.vision;
  return { mergeSize: spatialMergeSize, tokensPerSecond, rule };
}

/**
 * Makes a readout. Its graph is compiled at the first batch.
 * @param options - model, adapter, question
 */
export function createReadout(options: ReadoutOptions): Readout {
  const { checkpoint, questioner, settings } = options;
  const { text, vision, stored } = checkpoint;
  const { codec, tokenizer } = questioner;
  const { scale } = settings;
  const positions = positionOptions(checkpoint, settings.positions);
  const legal = codec.legalAnswers();
  const model = { ...options, text, vision, stored };
  let scorer: Promise<AnswerScorer> | undefined;
  let generator: Promise<Generator> | undefined;
  let sharedText: Promise<SharedText> | undefined;
  let trie: AnswerTrie | undefined;

  const isCpu = (options.run?.provider ?? 'cpu') === 'cpu';
  const maxMemory = options.maxMemory ?? (isCpu ? defaultMaxMemory() : Infinity);
  const forecast = forecastMemory(() => {
    const { logits } = modelGraph({ ...model, frozen: true, dropout: false, past: true });
    return [edgeLogProbs(logits, 1)];
  });
  const requireRoom: Readout['requireMemory'] = (clips, shared) => {
    const past = shared?.tokens.length ?? 0;
    const longest = Math.max(...clips.map(({ prompt }) => prompt.tokenIds.length));
    // Branches of the answer trie, or an answer that is generated; rounded up, so that like lengths have one forecast.
    const rows = Math.ceil((longest - past + 32) / 64) * 64;
    if (roughBytes(text, { clips: clips.length, rows, past }) <= maxMemory) return;
    const features = clips.reduce(
      (total, { prompt }) => total + prompt.visions.reduce((sum, { length }) => sum + length, 0),
      0,
    );
    const sizes = { B: clips.length, T: rows, P: past, Q: trie?.nodes.length ?? 16, M: features };
    const bias = 4 * clips.length * rows * (past + rows);
    const what = clips.length === 1 ? 'scoring' : `scoring ${clips.length} clips at once,`;
    requireMemory(bias + forecast(new Map(Object.entries(sizes))), maxMemory, longest, what);
  };

  const generated: Readout['read'] = async (parameters, clips) => {
    generator ??= compileGenerator({ ...model, positions });
    const readings: Reading[] = [];
    for (const clip of clips) {
      const answer = await (await generator).generate(parameters, clip);
      const value = codec.decode(answer);
      const integer = Math.round(value * 10);
      readings.push({
        score: fromUnit5(scale, value),
        answer,
        integer,
        std: null,
        legalMass: null,
        probabilities: null,
      });
    }
    return readings;
  };

  const read: Readout['read'] = async (parameters, clips, shared) => {
    if (legal === null) return generated(parameters, clips);
    trie ??= buildAnswerTrie(tokenizer, clips[0]!.prompt.tail, legal);
    scorer ??= compileAnswerScorer({ ...model, numColumns: trie.columns.length });
    const items = clips.map((clip) => ({
      example: buildScoringExample(clip.prompt, trie!, positions),
      vision: clip.vision,
    }));
    const distributions = await (await scorer).score(parameters, items, shared);
    return distributions.map(({ mean, std, legalMass, greedy, probabilities }) => ({
      score: fromUnit5(scale, mean),
      answer: legal[greedy]!.text,
      integer: Math.round(legal[greedy]!.value * 10),
      std: stdFromUnit5(scale, std),
      legalMass,
      probabilities: [...probabilities],
    }));
  };

  return {
    read: async (parameters, clips, shared) => {
      requireRoom(clips, shared);
      try {
        return await read(parameters, clips, shared);
      } catch (error) {
        throw options.frozen ? await blameWeights(checkpoint, error) : error;
      }
    },
    requireMemory: requireRoom,
    share: async (parameters, tokens) => {
      if (legal === null || !options.frozen) return null;
      sharedText ??= compileSharedText(text, stored, options.lora, options.run);
      // Nothing in it is vision: its positions are those of text, whatever comes behind it.
      const example = promptRows({ tokenIds: tokens, visions: [], tail: '' }, positions);
      const feeds = textFeeds([{ example, rows: [0] }], text);
      return { tokens, past: await (await sharedText).run(parameters, feeds) };
    },
    rest: async () => {
      await (await scorer)?.rest();
      await (await generator)?.rest();
      await (await sharedText)?.rest();
    },
    [Symbol.asyncDispose]: async () => {
      await (await scorer)?.[Symbol.asyncDispose]();
      await (await generator)?.[Symbol.asyncDispose]();
      await (await sharedText)?.[Symbol.asyncDispose]();
    },
  };
}
