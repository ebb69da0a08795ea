// Answers that are no finite set (`raw`) are generated: the likeliest token again and again, until the turn ends.
import { UserError } from '../core/index.ts';
import type { RunOptions, TensorData } from '../graph/index.ts';
import { compile } from '../graph/index.ts';
import type { PositionOptions } from '../example/index.ts';
import { clipFeeds, promptRows, textFeeds } from '../example/index.ts';
import type { ModelGraphOptions } from '../model/index.ts';
import { modelGraph } from '../model/index.ts';
import type { EncodedClip } from './clip-encoder.ts';
import type { Questioner } from './settings.ts';

/** Tokens after which an answer without an end is cut; the longest decimal of a score is shorter. */
const MAX_ANSWER_TOKENS = 24;

/** Generates answers at temperature 0. Dispose of it to free its memory. */
export interface Generator {
  /**
   * Generates one clip's answer.
   * @param parameters - values of what is fed: an adapter's factors, or all weights
   * @param clip - the clip
   * @returns the answer's text up to the end of the turn, at most 24 tokens
   * @throws UserError `non-finite` when the model's numbers are infinite or undefined
   */
  generate: (parameters: ReadonlyMap<string, Float32Array>, clip: Omit<EncodedClip, 'plan'>) => Promise<string>;
  /** Frees the memory of the session; the next clip opens it again. */
  rest: () => Promise<void>;
  /** Frees the session. */
  [Symbol.asyncDispose]: () => Promise<void>;
}

/** What a {@link Generator} is made for. */
export interface GeneratorOptions extends Omit<ModelGraphOptions, 'dropout'> {
  /** Tokenizer and end token. */
  questioner: Questioner;
  /** How rows get their positions. */
  positions: PositionOptions;
  /** How the graph is run. */
  run?: RunOptions;
}

/**
 * Compiles a generator. Each token takes a whole forward pass: answers are a few tokens, and only `raw` needs it.
 * @param options - model, adapter, tokenizer
 */
export async function compileGenerator(options: GeneratorOptions): Promise<Generator> {
  const { text, vision, questioner } = options;
  const { logits, parameters } = modelGraph({ ...options, dropout: false });
  const session = await compile({ logits }, options.run);
  const next = async (feeds: Record<string, TensorData>): Promise<number> => {
    const { data } = (await session.run(feeds)).logits;
    const odd = data.find((logit) => !Number.isFinite(logit));
    if (odd !== undefined) throw new UserError('non-finite', `expected finite logits from the model, got ${odd}`);
    let best = 0;
    for (let id = 1; id < data.length; id++) if (data[id]! > data[best]!) best = id;
    return best;
  };
  return {
    generate: async (values, { prompt, vision: seen }) => {
      const fixed: Record<string, TensorData> = clipFeeds([seen], text, vision);
      for (const [name, { shape }] of parameters) {
        fixed[name] = { data: values.get(name)!, shape: shape as readonly number[] };
      }
      const answer: number[] = [];
      while (answer.length < MAX_ANSWER_TOKENS) {
        const example = promptRows(prompt, options.positions, answer);
        const item = { example, rows: [example.tokenIds.length - 1] };
        const token = await next({ ...fixed, ...textFeeds([item], text) });
        if (token === questioner.endTokenId) break;
        answer.push(token);
      }
      return questioner.tokenizer.decode(answer);
    },
    rest: () => session.rest(),
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  };
}
