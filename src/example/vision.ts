// What the model sees of the clips of a batch: features of a frozen tower, or patches for one that trains.
import { invariant } from '../core/index.ts';
import type { TensorData } from '../graph/index.ts';
import type { TextConfig, VisionConfig, VisionPatches } from '../model/index.ts';
import { joinedVisionFeeds } from '../model/index.ts';

/** What a clip is to a graph that begins above the first layer: what the layers below make of an example's rows. */
export interface HiddenRows {
  /** The rows are computed already. */
  kind: 'hidden';
  /** float32 [T, C] for the T rows of the example. */
  hidden: Float32Array;
}

/** A clip for the model's graph. */
export type ClipVision =
  | {
      /** Features of the frozen tower. */
      kind: 'features';
      /** float32 [M, C], the rows of all images and videos of the clip, one after the other. */
      features: Float32Array;
    }
  | {
      /** Patches, for a graph that begins at the pixels. */
      kind: 'patches';
      /**
       * Cuts the clip's images and videos into patches. A call, so that the clips of a run can be held as grey levels: patches
       * take eight times as much or more.
       */
      cut: () => readonly VisionPatches[];
    };

/**
 * What is fed for the clips of a batch.
 * @param clips - all of one kind, in the order of the batch
 * @param text - the text model's sizes
 * @param vision - the tower's sizes
 * @returns `features`, float32 [M, C], or the feeds of the vision graph
 */
export function clipFeeds(
  clips: readonly ClipVision[],
  text: TextConfig,
  vision: VisionConfig,
): Record<string, TensorData> {
  const parts: Float32Array[] = [];
  const visions: VisionPatches[] = [];
  for (const clip of clips) {
    if (clip.kind === 'features') parts.push(clip.features);
    else visions.push(...clip.cut());
  }
  invariant(parts.length === 0 || visions.length === 0, 'a batch holds features and patches');
  if (visions.length > 0) return joinedVisionFeeds(visions, vision);
  const C = text.hiddenSize;
  const size = parts.reduce((total, part) => total + part.length, 0);
  invariant(size > 0 && size % C === 0, `features of ${size} numbers are no rows of ${C}`);
  const features = parts.length === 1 ? parts[0]! : new Float32Array(size);
  let offset = 0;
  for (const part of parts.length === 1 ? [] : parts) {
    features.set(part, offset);
    offset += part.length;
  }
  return { features: { data: features, shape: [size / C, C] } };
}
