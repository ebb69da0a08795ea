// The end of the graph: from logits at the nodes of the answer trie to log-probabilities of its edges and of the answers.
import type { RunOptions, Value } from '../../graph/index.ts';
import { compile, dimProduct, gather, input, logSoftmax, matmul, reshape } from '../../graph/index.ts';
import type { PreparedExample } from '../../inputs/index.ts';
import { rowsAfter } from '../../inputs/index.ts';
import type { Feeds, LoraOptions } from '../../model/index.ts';
import { invariant } from '../../core/index.ts';
import type { AnswerDistribution } from '../distribution.ts';
import { answerDistribution } from '../distribution.ts';
import type { EngineModel } from './model.ts';
import { predictingGraph, visionFeeds } from './model.ts';
import type { Past } from './shared-text.ts';

/**
 * Log-probabilities, over the whole vocabulary, of the tokens on edges of the trie. Input: `columns` int64 [K], those tokens.
 * @param logits_RV - float32 [B·Q, V] at the rows of the trie's nodes
 * @param numColumns - K
 * @returns float32 [B·Q, K]
 */
export function edgeLogProbs(logits_RV: Value, numColumns: number): Value {
  return gather(logSoftmax(logits_RV), input('columns', 'int64', [numColumns]), 1);
}

/**
 * Log-probabilities of the legal answers, not normalised over them: sums of edges along their paths.
 * Inputs: `columns` as {@link edgeLogProbs}; `paths` float32 [A, Q·K], 1 where an answer passes (node, column).
 * @param logits_RV - float32 [B·Q, V] at the rows of the trie's nodes
 * @param numColumns - K
 * @returns float32 [B, A]
 */
export function answerLogProbs(logits_RV: Value, numColumns: number): Value {
  const edges = reshape(edgeLogProbs(logits_RV, numColumns), ['B', dimProduct(numColumns, 'Q')]);
  return matmul(edges, input('paths', 'float32', ['A', dimProduct(numColumns, 'Q')]), { transB: true });
}

/** What an {@link AnswerScorer} is made for. */
export interface AnswerScorerOptions {
  /** The model. */
  model: EngineModel;
  /** The adapter on top, whose factors are fed; null for none. */
  lora: LoraOptions | null;
  /** Whether the model's own weights are mapped, or fed. */
  frozen: boolean;
  /** Tokens on edges of the tree of legal answers. */
  numColumns: number;
  /** How the graph is run. */
  run?: RunOptions;
}

/** Text that examples begin with. */
export interface SharedPrefix {
  /** Its tokens. */
  tokens: Int32Array;
  /** Keys and values at them. */
  past: Past;
}

/** A compiled scoring pass. Dispose of it to free its memory. */
export interface AnswerScorer {
  /**
   * Scores a batch in one forward pass.
   * @param parameters - values of what is fed: an adapter's factors, or all weights
   * @param examples - at least one; all want answers, with the same tree
   * @param shared - text that all of them begin with, computed before with the same parameters; frozen models only
   * @returns one distribution an example
   */
  score: (
    parameters: ReadonlyMap<string, Float32Array>,
    examples: readonly PreparedExample[],
    shared?: SharedPrefix | null,
  ) => Promise<AnswerDistribution[]>;
  /** Frees the memory of the session; the next batch opens it again. */
  unload: () => Promise<void>;
  /** Frees the session. */
  [Symbol.asyncDispose]: () => Promise<void>;
}

/**
 * Compiles a scoring pass.
 * @param options - model, adapter, tree
 */
export async function compileAnswerScorer(options: AnswerScorerOptions): Promise<AnswerScorer> {
  const { model, lora, frozen, numColumns } = options;
  const { family, text } = model;
  const { logits, parameters } = family.graphs.whole(model, predictingGraph(lora, frozen, frozen));
  const session = await compile({ edges: edgeLogProbs(logits, numColumns) }, options.run);
  return {
    score: async (values, examples, shared = null) => {
      const trees = examples.map(({ wanted }) => {
        invariant(wanted.kind === 'answers', 'an example that wants no answers cannot be scored');
        return wanted.tree;
      });
      const { columns, nodeRows } = trees[0]!;
      const P = shared?.tokens.length ?? 0;
      const items = examples.map(({ rows }, i) => ({
        example: P === 0 ? rows : rowsAfter(rows, P),
        rows: trees[i]!.nodeRows.map((row) => row - P),
      }));
      const feeds: Feeds = {
        ...family.feeds.text(items, text, P),
        ...(frozen ? (shared?.past ?? family.feeds.noPast(text)) : {}),
        ...visionFeeds(
          examples.map(({ vision }) => vision),
          model,
        ),
        columns: { data: BigInt64Array.from(columns, BigInt), shape: [columns.length] },
      };
      for (const [name, { shape }] of parameters) {
        feeds[name] = { data: values.get(name)!, shape: shape as readonly number[] };
      }
      const { edges } = await session.run(feeds);
      const size = nodeRows.length * columns.length;
      return trees.map((tree, b) =>
        answerDistribution(edges.data.subarray(b * size, (b + 1) * size), tree.columns.length, tree.answers),
      );
    },
    unload: () => session.unload(),
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  };
}
