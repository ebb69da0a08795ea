// What devices would hold, for whoever plans a run: the whole model on each and a share on each, with and without layers computed again.
import type { FitOptions } from './fit.ts';
import { largestMicroBatch } from './fit.ts';
import type { DeviceMemory } from './memory.ts';
import { deviceMemory } from './memory.ts';

/** About what a forecast is made. */
export type DeviceForecastOptions = Omit<FitOptions, 'shard' | 'deviceBytes'> & {
  /** Memory of a device, in bytes; null where it is not known. */
  deviceBytes: number | null;
};

/** One way to hold a model. */
export interface DeviceForecast {
  /** As a recipe says it. */
  shard: 'none' | 'full';
  /** `train.gradientCheckpointing`. */
  gradientCheckpointing: boolean;
  /** What a device holds, in bytes. */
  memory: DeviceMemory;
  /** Whether that fits; null where the memory of a device is not known. */
  fits: boolean | null;
  /** The largest micro-batch that does, in clips; 0 for none; null as above. */
  largestMicroBatch: number | null;
}

/**
 * Forecasts each way.
 * @param options - sizes of the model, work, devices
 */
export function forecastDevices(options: DeviceForecastOptions): DeviceForecast[] {
  const { model, work, devices, deviceBytes } = options;
  const { training } = work;
  const ways = devices.ranks > 1 ? (['none', 'full'] as const) : (['none'] as const);
  return ways.flatMap((shard) =>
    (training === null ? [false] : [false, true]).map((gradientCheckpointing): DeviceForecast => {
      const isSharded = shard === 'full';
      const one = { ...work, training: training === null ? null : { ...training, gradientCheckpointing } };
      const memory = deviceMemory(model, one, { ...devices, isSharded });
      const known = deviceBytes === null ? null : { ...options, deviceBytes };
      return {
        shard,
        gradientCheckpointing,
        memory,
        fits: known && memory.bytes <= known.deviceBytes,
        largestMicroBatch: known && largestMicroBatch({ ...known, work }, isSharded, gradientCheckpointing),
      };
    }),
  );
}
