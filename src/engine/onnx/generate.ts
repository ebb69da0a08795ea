// Text at temperature 0: the likeliest token again and again, until the turn ends.
import { UserError } from '../../core/index.ts';
import type { RunOptions } from '../../graph/index.ts';
import { compile } from '../../graph/index.ts';
import type { PreparedExample } from '../../inputs/index.ts';
import { continueRows } from '../../inputs/index.ts';
import type { Feeds, LoraOptions } from '../../model/index.ts';
import type { GenerateLimits } from '../types.ts';
import type { EngineModel } from './model.ts';
import { predictingGraph, visionFeeds } from './model.ts';

/** Generates text. Dispose of it to free its memory. */
export interface Generator {
  /**
   * Generates what follows one example.
   * @param parameters - values of what is fed: an adapter's factors, or all weights
   * @param example - the example
   * @param limits - where it ends
   * @returns the tokens up to the end of the turn
   * @throws UserError `non-finite` when the model's numbers are infinite or undefined
   */
  generate: (
    parameters: ReadonlyMap<string, Float32Array>,
    example: PreparedExample,
    limits: GenerateLimits,
  ) => Promise<number[]>;
  /** Frees the memory of the session; the next example opens it again. */
  unload: () => Promise<void>;
  /** Frees the session. */
  [Symbol.asyncDispose]: () => Promise<void>;
}

/** What a {@link Generator} is made for. */
export interface GeneratorOptions {
  /** The model. */
  model: EngineModel;
  /** The adapter on top, whose factors are fed; null for none. */
  lora: LoraOptions | null;
  /** Whether the model's own weights are mapped, or fed. */
  frozen: boolean;
  /** How the graph is run. */
  run?: RunOptions;
}

/**
 * Compiles a generator. Each token takes a whole forward pass: answers are a few tokens, and only `raw` needs it.
 * @param options - model, adapter
 */
export async function compileGenerator(options: GeneratorOptions): Promise<Generator> {
  const { model, lora, frozen } = options;
  const { family, text } = model;
  const { logits, parameters } = family.graphs.whole(model, predictingGraph(lora, frozen, false));
  const session = await compile({ logits }, options.run);
  const next = async (feeds: Feeds): Promise<number> => {
    const { data } = (await session.run(feeds)).logits;
    const odd = data.find((logit) => !Number.isFinite(logit));
    if (odd !== undefined) throw new UserError('non-finite', `expected finite logits from the model, got ${odd}`);
    let best = 0;
    for (let id = 1; id < data.length; id++) if (data[id]! > data[best]!) best = id;
    return best;
  };
  return {
    generate: async (values, example, { endTokenId, maxTokens }) => {
      const fixed = visionFeeds([example.vision], model);
      for (const [name, { shape }] of parameters) {
        fixed[name] = { data: values.get(name)!, shape: shape as readonly number[] };
      }
      const answer: number[] = [];
      while (answer.length < maxTokens) {
        const rows = continueRows(example.rows, answer);
        const item = { example: rows, rows: [rows.tokenIds.length - 1] };
        const token = await next({ ...fixed, ...family.feeds.text([item], text, 0) });
        if (token === endTokenId) break;
        answer.push(token);
      }
      return answer;
    },
    unload: () => session.unload(),
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  };
}
