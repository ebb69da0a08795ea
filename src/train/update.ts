// One update: micro-batches through the step, gradients added up, clipped, and applied.
import { UserError, hashKey, show } from '../core/index.ts';
import { buildExample, buildScoringExample, trimToTargets } from '../example/index.ts';
import type { TensorData } from '../graph/index.ts';
import type { AnswerTrie } from '../prompt/index.ts';
import type { EncodedClip, Questioner } from '../score/index.ts';
import { splitToFit } from '../score/index.ts';
import type { PositionOptions, TokenRows } from '../example/index.ts';
import type { AdamWOptions, AdamWState } from './adamw.ts';
import { adamWUpdate, gradientNorm } from './adamw.ts';
import type { TrainRow } from './data.ts';
import type { AnswerItem, ModelSizes, TokenItem } from './feeds.ts';
import { answerFeeds, tokenFeeds, totalWeight } from './feeds.ts';
import type { LowerOutputs } from './lower-outputs.ts';
import type { Loss } from './objective.ts';
import { normalLabel } from './soft-label.ts';
import type { TrainStep } from './step.ts';

/** A clip of a batch. */
export interface BatchClip {
  /** Its row. */
  row: TrainRow;
  /** Its place in the list of training rows. */
  sample: number;
  /** What the model gets. */
  clip: EncodedClip;
}

/** How clips become feeds of the step. */
export interface Feeder {
  /** Which loss. */
  loss: Loss;
  /** The model's sizes. */
  model: ModelSizes;
  /** Whether the graph drops. */
  dropout: boolean;
  /** Seed of the run. */
  seed: number;
  /** Tokenizer and answer code. */
  questioner: Questioner;
  /** How rows get their positions. */
  positions: PositionOptions;
  /** The trie of legal answers; null with `raw`. */
  trie: AnswerTrie | null;
  /** Width of a soft label where the manifest has none. */
  softLabelStd: number;
  /** Clips a run of the graph. */
  microBatch: number;
  /** Whether clips of so many rows each fit into memory together; default: always. */
  isRoomFor?: (rows: readonly number[]) => boolean;
  /** Outputs of the layers below the adapter, where the graph begins above them; else null. */
  lowerOutputs: LowerOutputs | null;
}

/**
 * The example of a clip as the step takes it.
 * @param feeder - how
 * @param clip - the clip
 * @param epoch - from 0; changes the dropout
 */
async function itemOf(
  feeder: Feeder,
  { row, sample, clip }: BatchClip,
  epoch: number,
): Promise<TokenItem | AnswerItem> {
  const { loss, questioner, positions, trie, softLabelStd, lowerOutputs } = feeder;
  const dropoutKey = hashKey(feeder.seed, epoch, sample);
  const seen = async (example: TokenRows): Promise<Pick<TokenItem, 'vision'>> => ({
    vision: lowerOutputs === null ? clip.vision : await lowerOutputs.get(example, clip.vision),
  });
  if (isOverTokens(loss)) {
    const { tokenizer, endTokenId, codec } = questioner;
    const answer = codec.encode(row.unit5);
    const whole = buildExample({ ...positions, prompt: clip.prompt, answer, tokenizer, endTokenId, targets: loss });
    const example = trimToTargets(whole);
    return { example, ...(await seen(example)), dropoutKey };
  }
  const example = buildScoringExample(clip.prompt, trie!, positions);
  const values = questioner.codec.legalAnswers()!.map(({ value }) => value);
  const label = normalLabel(values, row.unit5, Math.max(row.unit5Std ?? softLabelStd, 0.05));
  return { example, ...(await seen(example)), dropoutKey, score: row.unit5, label };
}

function isOverTokens(loss: Loss): loss is 'integer-only' | 'response' {
  return loss === 'integer-only' || loss === 'response';
}

/**
 * The feeds of one update, micro-batch by micro-batch. Their losses and gradients add up to the batch's.
 * @param feeder - how
 * @param batch - the clips
 * @param epoch - from 0; changes the dropout
 */
export async function batchFeeds(
  feeder: Feeder,
  batch: readonly BatchClip[],
  epoch: number,
): Promise<(() => Record<string, TensorData>)[]> {
  const { loss, model, dropout, microBatch, isRoomFor = () => true } = feeder;
  const chunks = <T extends TokenItem | AnswerItem>(items: readonly T[]): T[][] =>
    Array.from({ length: Math.ceil(items.length / microBatch) }, (_, i) =>
      items.slice(i * microBatch, (i + 1) * microBatch),
    ).flatMap((some) => splitToFit(some, (part) => isRoomFor(part.map(({ example }) => example.tokenIds.length))));
  const made: (TokenItem | AnswerItem)[] = [];
  for (const clip of batch) made.push(await itemOf(feeder, clip, epoch));
  // Like lengths together: a run of the graph fills all its clips up to the longest.
  made.sort((a, b) => b.example.tokenIds.length - a.example.tokenIds.length);
  if (isOverTokens(loss)) {
    const items = made as TokenItem[];
    const weight = items.reduce((total, { example }) => total + totalWeight(example.targets), 0);
    return chunks(items).map((micro) => () => tokenFeeds(micro, weight, model, dropout));
  }
  const items = made as AnswerItem[];
  return chunks(items).map((micro) => () => answerFeeds(micro, batch.length, model, dropout, loss));
}

/**
 * Runs the layers below the adapter for clips, so that training finds their outputs.
 * @param feeder - how
 * @param clip - the clip
 */
export async function prepareLower(feeder: Feeder, clip: BatchClip): Promise<void> {
  await itemOf(feeder, clip, 0);
}

/** What trains and how. */
export interface Learner {
  /** The compiled step. */
  step: TrainStep;
  /** Current values; changed by updates. */
  parameters: Map<string, Float32Array>;
  /** Moments; changed by updates. */
  optimizer: AdamWState;
  /** AdamW's settings. */
  adamW: AdamWOptions;
  /** Gradients are scaled down to this norm; null for never. */
  clipNorm: number | null;
}

/** What an update did. */
export interface UpdateResult {
  /** Loss of the batch. */
  loss: number;
  /** Norm of the gradients before clipping. */
  gradientNorm: number;
}

/**
 * Makes one update, or none when a number is not finite.
 * @param learner - changed
 * @param feeds - from {@link batchFeeds}
 * @param learningRate - of this update
 * @param where - step and clips, for the message
 * @throws UserError `non-finite` before anything is changed
 */
export async function update(
  learner: Learner,
  feeds: readonly (() => Record<string, TensorData>)[],
  learningRate: number,
  where: { step: number; ids: readonly string[] },
): Promise<UpdateResult> {
  let loss = 0;
  let gradients: ReadonlyMap<string, Float32Array> | undefined;
  for (const make of feeds) {
    const result = await learner.step.run(learner.parameters, make());
    loss += result.loss;
    if (feeds.length === 1) gradients = result.gradients;
    else if (gradients === undefined) gradients = copyOf(result.gradients);
    else addTo(gradients, result.gradients);
  }
  const norm = gradientNorm(gradients!);
  if (!Number.isFinite(loss) || !Number.isFinite(norm)) {
    const got = Number.isFinite(loss) ? `gradients of norm ${norm}` : `a loss of ${loss}`;
    throw new UserError(
      'non-finite',
      `step ${where.step}, clips ${where.ids.map((id) => show(id)).join(', ')}: expected finite numbers, got ${got}`,
      { hint: 'Nothing was changed by this step. A smaller optimizer.learningRate, or a longer warm-up, may help.' },
    );
  }
  // As torch.nn.utils.clip_grad_norm_ scales.
  const scale = learner.clipNorm === null ? 1 : Math.min(1, learner.clipNorm / (norm + 1e-6));
  adamWUpdate(learner.parameters, gradients!, learner.optimizer, learningRate, learner.adamW, scale);
  return { loss, gradientNorm: norm };
}

function copyOf(gradients: ReadonlyMap<string, Float32Array>): ReadonlyMap<string, Float32Array> {
  return new Map([...gradients].map(([name, values]) => [name, values.slice()]));
}

function addTo(total: ReadonlyMap<string, Float32Array>, more: ReadonlyMap<string, Float32Array>): void {
  for (const [name, sum] of total) {
    const part = more.get(name)!;
    for (let i = 0; i < sum.length; i++) sum[i]! += part[i]!;
  }
}
