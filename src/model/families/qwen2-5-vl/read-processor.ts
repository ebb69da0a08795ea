// Reads how pictures become patches, and refuses settings that the patches are not cut by.
import { join } from 'node:path';
import { z } from 'zod';
import { show } from '../../../core/index.ts';
import { readJson } from '../../../files/index.ts';
import { Problems, optional, side } from '../shared/config-problems.ts';
import type { ProcessorConfig } from '../sizes.ts';
import type { QwenVisionConfig } from './config.ts';

const pixels = z.int().positive();
const processorSchema = z.looseObject({
  min_pixels: optional(pixels),
  max_pixels: optional(pixels),
  size: optional(z.looseObject({ shortest_edge: optional(pixels), longest_edge: optional(pixels) })),
  image_mean: optional(z.tuple([z.number(), z.number(), z.number()])),
  image_std: optional(z.tuple([z.number().positive(), z.number().positive(), z.number().positive()])),
  patch_size: optional(side),
  merge_size: optional(side),
  temporal_patch_size: optional(side),
});

/** Mean and deviation of CLIP, the reference's defaults. */
const CLIP_MEAN: [number, number, number] = [0.48145466, 0.4578275, 0.40821073];
const CLIP_STD: [number, number, number] = [0.26862954, 0.26130258, 0.27577711];

/**
 * Reads how pictures become patches: `image_processor` of processor_config.json, else preprocessor_config.json, as
 * transformers 5.17 does; what is left out has its defaults.
 * @param vision - sizes of its tower, which the settings must fit
 * @throws UserError `bad-checkpoint` with every problem; `not-supported` when all of it is legal but not computed here
 */
export async function readProcessorConfig(folder: string, vision: QwenVisionConfig): Promise<ProcessorConfig> {
  const outer = await readJson(join(folder, 'processor_config.json'), 'bad-checkpoint');
  const inner = (outer as { image_processor?: unknown } | null | undefined)?.image_processor;
  const [name, json] =
    inner === undefined
      ? ['preprocessor_config.json', await readJson(join(folder, 'preprocessor_config.json'), 'bad-checkpoint')]
      : ['processor_config.json', inner];
  return parseProcessorConfig(json ?? {}, join(folder, name), vision);
}

/** Every frame is made at least `min_pixels` large, so it must not be what no machine can hold: 4 megapixels. */
const MAX_MIN_PIXELS = 2 ** 22;

/** Switches of the reference that are always on here, and the one way of resizing. */
const fixedSettings = {
  do_resize: true,
  do_rescale: true,
  do_normalize: true,
  do_convert_rgb: true,
  resample: 3,
} as const;

function parseProcessorConfig(json: unknown, where: string, vision: QwenVisionConfig): ProcessorConfig {
  const problems = new Problems();
  const config = problems.parse(processorSchema, json, '');
  if (config === null) problems.throwIfAny(where);
  const given = config!;
  for (const [key, value] of Object.entries(fixedSettings)) {
    problems.require((given[key] ?? value) === value, key, show(value), given[key], 'unsupported');
  }
  const rescale = given['rescale_factor'] ?? 1 / 255;
  const by255 = typeof rescale === 'number' && Math.abs(rescale * 255 - 1) < 1e-6;
  problems.require(by255, 'rescale_factor', '1/255', rescale, 'unsupported');
  const processor: ProcessorConfig = {
    minPixels: given.min_pixels ?? given.size?.shortest_edge ?? 56 * 56,
    maxPixels: given.max_pixels ?? given.size?.longest_edge ?? 28 * 28 * 1280,
    mean: given.image_mean ?? CLIP_MEAN,
    std: given.image_std ?? CLIP_STD,
    patchSize: given.patch_size ?? 14,
    mergeSize: given.merge_size ?? 2,
    temporalPatchSize: given.temporal_patch_size ?? 2,
  };
  const { minPixels, maxPixels, patchSize, mergeSize, temporalPatchSize } = processor;
  problems.require(minPixels <= maxPixels, 'min_pixels', `at most max_pixels = ${maxPixels}`, minPixels);
  problems.require(minPixels <= MAX_MIN_PIXELS, 'min_pixels', `at most ${MAX_MIN_PIXELS}`, minPixels);
  problems.require(patchSize === vision.patchSize, 'patch_size', `the tower's ${vision.patchSize}`, patchSize);
  const merge = vision.spatialMergeSize;
  problems.require(mergeSize === merge, 'merge_size', `the tower's ${merge}`, mergeSize);
  const frames = vision.temporalPatchSize;
  problems.require(temporalPatchSize === frames, 'temporal_patch_size', `the tower's ${frames}`, temporalPatchSize);
  problems.throwIfAny(where);
  return processor;
}
