// The model that an engine's graphs are of, and its feeds.
import type { TensorData } from '../../graph/index.ts';
import type { PreparedPicture, PreparedVision } from '../../inputs/index.ts';
import { invariant } from '../../core/index.ts';
import type { Checkpoint, Feeds, LoraOptions, VisionPatches, WholeGraph } from '../../model/index.ts';
import { asFloat32 } from '../../model/index.ts';
import { cutPatches } from '../../video/index.ts';

/** What graphs and feeds are made from. */
export type EngineModel = Pick<Checkpoint, 'family' | 'text' | 'vision' | 'stored'>;

/**
 * The graph of a model that predicts.
 * @param lora - the adapter; null for none
 * @param frozen - whether the model's own weights are mapped
 * @param past - whether shared text is fed as keys and values; frozen models only
 */
export function predictingGraph(lora: LoraOptions | null, frozen: boolean, past: boolean): WholeGraph {
  if (!frozen) return { weights: 'fed' };
  const adapter = lora === null ? null : { lora, dropout: false };
  return { weights: 'frozen', adapter, start: 'features', past };
}

/**
 * The graph of a model that trains.
 * @param lora - the adapter; null where every weight trains
 * @param firstLayer - the decoder layer that it begins at
 */
export function trainingGraph(lora: LoraOptions | null, firstLayer: number): WholeGraph {
  if (lora === null) return { weights: 'fed' };
  const start = firstLayer === 0 ? 'features' : firstLayer;
  return { weights: 'frozen', adapter: { lora, dropout: true }, start, past: false };
}

/**
 * Pictures, normalised and cut into patches.
 * @param pictures - images and videos
 */
export function patchesOf(pictures: readonly PreparedPicture[]): VisionPatches[] {
  return pictures.map(({ kind, frames, patches }) => cutPatches(kind, frames, patches));
}

/**
 * What is fed for what the model sees of the clips of a batch.
 * @param clips - all of one kind, in the order of the batch
 */
export function visionFeeds(clips: readonly PreparedVision[], { family, text, vision }: EngineModel): Feeds {
  const features: Float32Array[] = [];
  const pictures: PreparedPicture[] = [];
  for (const clip of clips) {
    if (clip.kind === 'features') features.push(asFloat32(clip.features));
    else pictures.push(...clip.pictures);
  }
  invariant(features.length === 0 || pictures.length === 0, 'a batch holds features and pictures');
  return pictures.length > 0
    ? family.feeds.patches(patchesOf(pictures), vision)
    : family.feeds.features(features, text);
}

/**
 * The feeds that a graph has inputs for.
 * @param inputs - names of its inputs
 * @param feeds - what there is, by name
 */
export function pickFeeds(inputs: readonly string[], feeds: Readonly<Record<string, TensorData>>): Feeds {
  return Object.fromEntries(Object.entries(feeds).filter(([name]) => inputs.includes(name)));
}
