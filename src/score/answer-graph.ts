// The end of the graph: from logits at the nodes of the answer trie to log-probabilities of its edges and of the answers.
import type { RunOptions, TensorData, Value } from '../graph/index.ts';
import { compile, dimProduct, gather, input, logSoftmax, matmul, reshape } from '../graph/index.ts';
import type { ClipVision, ScoringExample } from '../example/index.ts';
import { clipFeeds, rowsAfter, textFeeds } from '../example/index.ts';
import type { ModelGraphOptions, Past } from '../model/index.ts';
import { modelGraph, noPast } from '../model/index.ts';
import type { AnswerDistribution } from './distribution.ts';
import { answerDistribution } from './distribution.ts';

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
export interface AnswerScorerOptions extends Omit<ModelGraphOptions, 'dropout' | 'past'> {
  /** Tokens on edges of the trie of legal answers. */
  numColumns: number;
  /** How the graph is run. */
  run?: RunOptions;
}

/** A clip to score: its rows and what the model sees. */
export interface ScoringItem {
  /** Rows of the prompt and of the trie's branches. */
  example: ScoringExample;
  /** What the model sees. */
  vision: ClipVision;
}

/** Text that clips begin with. */
export interface SharedBeginning {
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
   * @param items - the clips, all with the same trie
   * @param shared - text that all of them begin with, computed before with the same parameters; frozen models only
   * @returns one distribution a clip
   */
  score: (
    parameters: ReadonlyMap<string, Float32Array>,
    items: readonly ScoringItem[],
    shared?: SharedBeginning | null,
  ) => Promise<AnswerDistribution[]>;
  /** Frees the memory of the session; the next batch opens it again. */
  rest: () => Promise<void>;
  /** Frees the session. */
  [Symbol.asyncDispose]: () => Promise<void>;
}

/**
 * Compiles a scoring pass.
 * @param options - model, adapter, trie
 */
export async function compileAnswerScorer(options: AnswerScorerOptions): Promise<AnswerScorer> {
  const { text, vision, numColumns, frozen } = options;
  const { logits, parameters } = modelGraph({ ...options, dropout: false, past: frozen });
  const session = await compile({ edges: edgeLogProbs(logits, numColumns) }, options.run);
  return {
    score: async (values, items, shared = null) => {
      const { columns, nodeRows } = items[0]!.example;
      const P = shared?.tokens.length ?? 0;
      const feeds: Record<string, TensorData> = {
        ...textFeeds(
          items.map(({ example }) => ({
            example: P === 0 ? example : rowsAfter(example, P),
            rows: example.nodeRows.map((row) => row - P),
          })),
          text,
          P,
        ),
        ...(frozen ? (shared?.past ?? noPast(text)) : {}),
        ...clipFeeds(
          items.map((item) => item.vision),
          text,
          vision,
        ),
        columns: { data: BigInt64Array.from(columns, BigInt), shape: [columns.length] },
      };
      for (const [name, { shape }] of parameters) {
        feeds[name] = { data: values.get(name)!, shape: shape as readonly number[] };
      }
      const { edges } = await session.run(feeds);
      const size = nodeRows.length * columns.length;
      return items.map(({ example }, b) =>
        answerDistribution(edges.data.subarray(b * size, (b + 1) * size), example.columns.length, example.answers),
      );
    },
    rest: () => session.rest(),
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  };
}
