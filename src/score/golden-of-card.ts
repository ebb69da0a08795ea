// Golden scores of a model that is asked as its card says: to compare with those of the card, or to write into one.
import type { Engine } from '../engine/index.ts';
import {
  answerTrie,
  createClipCache,
  createClipPreparer,
  createClipViewer,
  frameOptions,
  loadPromptProcessor,
} from '../inputs/index.ts';
import type { Adapter, Card } from '../model/index.ts';
import { openFrameReader } from '../video/index.ts';
import { settingsOf } from './card.ts';
import { createClipPredictor } from './clip-predictor.ts';
import type { GoldenScore } from './golden.ts';
import { checkGoldenScores, goldenScores } from './golden.ts';

/** What a card is of. */
export interface CardOwner {
  /** Computes; has the base model open. */
  engine: Engine;
  /** What is put on it; null for a model of its own. */
  adapter: Pick<Adapter, 'lora' | 'tensors'> | null;
  /** How it is to be asked. */
  card: Card;
  /** Its folder, for messages. */
  folder: string;
}

/**
 * Scores the golden pictures.
 * @param owner - model, card
 */
export async function goldenScoresOf({ engine, adapter, card, folder }: CardOwner): Promise<GoldenScore[]> {
  const { checkpoint } = engine;
  const settings = settingsOf(card, folder);
  const processor = await loadPromptProcessor(checkpoint, settings);
  const trie = answerTrie(checkpoint, processor);
  const frames = frameOptions(checkpoint, settings.frames);
  await using reader = openFrameReader({ workers: 1 });
  await using model = await engine.attach({
    lora: adapter?.lora ?? null,
    parameters: adapter?.tensors ?? null,
    training: null,
    answers: trie === null ? null : { numNodes: trie.nodes.length, numColumns: trie.columns.length },
  });
  const viewer = createClipViewer({
    frames,
    reader,
    features: { encoder: engine, cache: createClipCache(null, engine.tower, frames) },
  });
  return await goldenScores(
    createClipPreparer(viewer, checkpoint, processor),
    createClipPredictor({ model, checkpoint, processor, trie, settings }),
    checkpoint.vision.patchSize * checkpoint.vision.spatialMergeSize,
  );
}

/**
 * Checks that a model scores the golden pictures as its card says.
 * @param owner - model, card
 * @throws UserError `bad-checkpoint` when it does not
 */
export async function checkCard(owner: CardOwner): Promise<void> {
  const { engine, card, folder } = owner;
  if (card.goldenScores.length > 0) checkGoldenScores(folder, card, await goldenScoresOf(owner), engine.precision);
}
