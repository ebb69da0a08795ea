// From clips with their prompts to predictions, by any engine. Trainer and scorer share it.
import { UserError } from '../core/index.ts';
import type { AttachedModel, PredictOptions } from '../engine/index.ts';
import type { PreparedClipPicture, PreparedExample, PromptProcessor, ScorerSettings } from '../inputs/index.ts';
import { buildScoringExample, positionsOf, promptRows } from '../inputs/index.ts';
import type { Checkpoint } from '../model/index.ts';
import type { AnswerTrie, EncodedPrompt } from '../prompt/index.ts';
import type { Prediction } from './prediction.ts';
import { predictionOf, predictionOfText } from './prediction.ts';

/** Tokens after which an answer without an end is cut; the longest decimal of a score is shorter. */
const MAX_ANSWER_TOKENS = 24;

/** What a {@link ClipPredictor} is made from. */
export interface ClipPredictorOptions {
  /** The model with its adapter. */
  model: AttachedModel;
  /** Its base. */
  checkpoint: Pick<Checkpoint, 'family' | 'vision'>;
  /** Prompts and answers. */
  processor: PromptProcessor;
  /** The trie of legal answers; null where answers are generated. */
  trie: AnswerTrie | null;
  /** Positions and scale. */
  settings: Pick<ScorerSettings, 'positions' | 'scale'>;
}

/** Predicts clips. */
export interface ClipPredictor {
  /**
   * Predicts clips.
   * @param clips - any number
   * @param options - batches
   * @returns for each a prediction, or why there is none: as `AttachedModel.predict`, and `bad-input` when a generated answer is no
   *   score (`raw` only)
   */
  predict: (
    clips: readonly Pick<PreparedClipPicture, 'prompt' | 'vision'>[],
    options?: PredictOptions,
  ) => Promise<(Prediction | UserError)[]>;
}

/**
 * Makes a predictor.
 * @param options - model, prompts, scale
 */
export function createClipPredictor(options: ClipPredictorOptions): ClipPredictor {
  const { model, checkpoint, processor, trie, settings } = options;
  const { codec, tokenizer, endTokenId } = processor;
  const { scale } = settings;
  const positions = positionsOf(checkpoint, settings.positions);

  const exampleOf = ({ prompt, vision }: Pick<PreparedClipPicture, 'prompt' | 'vision'>): PreparedExample => {
    if (trie === null) return { rows: promptRows(prompt, positions), vision, wanted: { kind: 'text' }, dropoutKey: 0 };
    const { nodeRows, columns, answers, ...rows } = buildScoringExample(prompt, trie, positions);
    const tree = { nodeRows, columns, answers };
    return { rows, vision, wanted: { kind: 'answers', tree, target: null }, dropoutKey: 0 };
  };
  const readText = (tokens: readonly number[]): Prediction | UserError => {
    try {
      return predictionOfText(tokenizer.decode([...tokens]), codec, scale);
    } catch (error) {
      if (error instanceof UserError) return error;
      throw error;
    }
  };
  return {
    predict: async (clips, how) => {
      const examples = clips.map(exampleOf);
      if (trie === null) {
        const texts = await model.generate(examples, { endTokenId, maxTokens: MAX_ANSWER_TOKENS });
        return texts.map((text) => (text instanceof UserError ? text : readText(text)));
      }
      const results = await model.predict(examples, how);
      return results.map((result) => (result instanceof UserError ? result : predictionOf(result, codec, scale)));
    },
  };
}

/** The size of a prompt, as engines ask for it. */
export function sizeOfPrompt({ tokenIds, visions }: EncodedPrompt): { tokens: number; visionTokens: number } {
  return { tokens: tokenIds.length, visionTokens: visions.reduce((total, { length }) => total + length, 0) };
}
