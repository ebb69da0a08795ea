// Forecasts what a run takes of the memory of each device of the torch engine: without weights, devices, Python or network.
import type { DeviceForecast } from '../engine/index.ts';
import { forecastDevices } from '../engine/index.ts';
import { openModelShape } from '../model/index.ts';
import { chooseRecipe } from './choose-recipe.ts';
import { readForecastData } from './data.ts';
import { detectGrouping } from './detect-grouping.ts';
import { inheritAdapterSettings } from './inherit-adapter.ts';
import { inheritTableOptions } from './inherit-table.ts';
import type { ResolvedRecipe } from './recipe/index.ts';
import { readSamples, workOf } from './samples.ts';

/** What a run takes of each device. */
export interface DeviceEstimate {
  /** Devices that are planned for, a process each. */
  devices: number;
  /** Memory of one, in bytes; null where none was named. */
  deviceBytes: number | null;
  /** Type of frozen weights and of products. */
  precision: 'float32' | 'bfloat16';
  /** Clips that were opened for their sizes. */
  numSampled: number;
  /** Tokens of the longest of them as it is trained on. */
  tokens: number;
  /** The most tokens of one that stand for frames. */
  visionTokens: number;
  /** Clips of a micro-batch, as the recipe has it. */
  microBatch: number;
  /** The ways to hold the model. */
  ways: DeviceForecast[];
  /** Which of them `runtime.shard` and `train.gradientCheckpointing` of the recipe lead to; null where it does not fit. */
  chosen: DeviceForecast | null;
  /** What a reader must know of the figures. */
  notes: readonly string[];
}

/**
 * Forecasts memory. Opens a few clips; nothing is written.
 * @param resolved - the run, from `resolveRecipe`; its model need not be here (`openModelShape`)
 * @param deviceBytes - memory of a device, in bytes; null where it is not known
 * @throws UserError as training does for mistakes in data and model; `unreadable-media` for a clip that cannot be opened
 */
export async function estimateDevices(resolved: ResolvedRecipe, deviceBytes: number | null): Promise<DeviceEstimate> {
  const { recipe } = await inheritAdapterSettings(
    await detectGrouping(await chooseRecipe(await inheritTableOptions(resolved))),
  );
  const data = await readForecastData(recipe);
  const model = await openModelShape(recipe.model);
  const samples = await readSamples(recipe, model, data);
  const work = workOf(recipe, samples, data);
  const { devices, precision: asked, shard } = recipe.runtime;
  const ranks = devices === 'auto' ? 1 : devices;
  const precision = asked === 'auto' ? 'bfloat16' : asked;
  const ways = await forecastDevices({ model, work, devices: { ranks, precision, device: 'cuda' }, deviceBytes });
  const { gradientCheckpointing, clip, microBatch } = work.training!;
  const chosen = ways.find(
    (way) =>
      way.gradientCheckpointing === gradientCheckpointing &&
      way.fits !== false &&
      (shard === 'auto' || ranks === 1 || way.shard === shard),
  );
  return {
    devices: ranks,
    deviceBytes,
    precision,
    numSampled: samples.clips.length,
    tokens: clip.tokens,
    visionTokens: clip.visionTokens,
    microBatch,
    ways,
    chosen: chosen ?? null,
    notes: [
      ...model.notes,
      ...(devices === 'auto' ? ['one device is planned for; --devices N plans for others'] : []),
      'memory on GPUs is counted from sizes; what a process, fragmentation and NCCL take there is assumed, not measured yet',
    ],
  };
}
