// From clips with their prompts to predictions, by any engine. Trainer and scorer share it.
import { UserError } from '../core/index.ts';
import type { AttachedModel, PredictOptions } from '../engine/index.ts';
import type { PreparedClipPicture, PreparedExample, PromptProcessor, ScorerSettings } from '../inputs/index.ts';
import { buildScoringExample, positionsOf, promptRows } from '../inputs/index.ts';
import type { Checkpoint } from '../model/index.ts';
import type { AnswerSentence, AnswerTrie, EncodedPrompt } from '../prompt/index.ts';
import { beforeSentence } from '../prompt/index.ts';
import type { FreeAnswer, Prediction } from './prediction.ts';
import { freeAnswerOf, predictionOf, predictionOfText } from './prediction.ts';

/** Tokens after which an answer without an end is cut, those of its sentence's beginning aside; the longest decimal of a score is shorter. */
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
  /** Most calls of `predict` that may be open at a time; as `AttachedModel.predictsAhead`. */
  readonly predictsAhead: number;
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
  /**
   * Lets the model answer by itself at temperature 0, without the beginning of a sentence.
   * @param clips - any number
   * @returns for each what it says, or why there is nothing: as `AttachedModel.generate`
   */
  generate: (clips: readonly Pick<PreparedClipPicture, 'prompt' | 'vision'>[]) => Promise<(FreeAnswer | UserError)[]>;
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

  const textExample = ({ prompt, vision }: Pick<PreparedClipPicture, 'prompt' | 'vision'>): PreparedExample => {
    return { rows: promptRows(prompt, positions), vision, wanted: { kind: 'text' }, dropoutKey: 0 };
  };
  const exampleOf = ({ prompt, vision }: Pick<PreparedClipPicture, 'prompt' | 'vision'>): PreparedExample => {
    if (trie === null) return textExample({ prompt, vision });
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
  const readFree = (tokens: readonly number[], maxTokens: number, sentence: AnswerSentence | undefined): FreeAnswer => {
    return freeAnswerOf(textOf(tokens), tokens.length < maxTokens, sentence, codec, scale);
  };
  const textOf = (tokens: readonly number[]): string => {
    try {
      return tokenizer.decode([...tokens]);
    } catch (error) {
      // An embedding has more rows than its vocabulary has tokens, and a model may choose any.
      if (error instanceof UserError) return '\uFFFD';
      throw error;
    }
  };
  return {
    predictsAhead: trie === null ? 1 : (model.predictsAhead ?? 1),
    generate: async (clips) => {
      const answers: (FreeAnswer | UserError)[] = [];
      for (const { prompt, vision } of clips) {
        const { sentence } = prompt;
        const maxTokens = MAX_ANSWER_TOKENS + (sentence?.length ?? 0);
        const example = textExample({ prompt: beforeSentence(prompt), vision });
        const [tokens] = await model.generate([example], { endTokenId, maxTokens });
        answers.push(tokens instanceof UserError ? tokens : readFree(tokens!, maxTokens, sentence));
      }
      return answers;
    },
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
