// Decides how devices hold a model: each the whole of it where that fits, each its share where it does not; else says what would fit.
import { UserError, formatSize } from '../../core/index.ts';
import type { EngineWork } from '../types.ts';
import type { DeviceMemory, MemoryModel, Placement } from './memory.ts';
import { deviceMemory } from './memory.ts';

/** Most clips of a micro-batch, and most devices, that are thought of. */
const [MOST_CLIPS, MOST_DEVICES] = [1024, 1024];

/** What is asked. */
export interface FitOptions {
  /** The model's sizes; its weights need not be here. */
  model: MemoryModel;
  /** What is done with it. */
  work: EngineWork;
  /** The devices. */
  devices: Omit<Placement, 'isSharded'>;
  /** Memory of the smallest of them, in bytes. */
  deviceBytes: number;
  /** As a recipe says it. */
  shard: 'auto' | 'none' | 'full';
}

/** How the devices hold the model. */
export interface Fit {
  /** Each its share of the decoder layers. */
  isSharded: boolean;
  /** What each holds. */
  memory: DeviceMemory;
  /** That, and why, in words. */
  text: string;
}

/**
 * Decides.
 * @param options - model, work, devices
 * @throws UserError `not-supported` with what would fit
 */
export function chooseShard(options: FitOptions): Fit {
  const { model, work, devices, deviceBytes, shard } = options;
  const wanted = { auto: [false, true], none: [false], full: [true] }[shard];
  const ways = devices.ranks > 1 ? wanted : [false];
  const tried = ways.map((isSharded) => ({ isSharded, memory: deviceMemory(model, work, { ...devices, isSharded }) }));
  const fit = tried.find(({ memory }) => memory.bytes <= deviceBytes);
  if (fit === undefined) throw tooLarge(options, tried.at(-1)!);
  const how = fit.isSharded ? 'each its share of the decoder layers (full)' : 'each the whole model (none)';
  const about = `a forecast of ${formatSize(fit.memory.bytes)} of the ${formatSize(deviceBytes)} of a device`;
  const other = fit !== tried[0] ? `; the whole model would need ${formatSize(tried[0]!.memory.bytes)}` : '';
  return { ...fit, text: `runtime.shard: ${devices.ranks} devices hold ${how}, with ${about}${other}` };
}

/**
 * The largest micro-batch that fits.
 * @param options - model, work, devices
 * @param isSharded - how the devices hold the model
 * @param gradientCheckpointing - whether layers are computed again
 * @returns clips; 0 where not even one fits
 */
export function largestMicroBatch(
  { model, work, devices, deviceBytes }: Omit<FitOptions, 'shard'>,
  isSharded: boolean,
  gradientCheckpointing: boolean,
): number {
  if (work.training === null) return 0;
  const { clip } = work.training;
  const fits = (microBatch: number): boolean => {
    const training = { gradientCheckpointing, microBatch, clip };
    return deviceMemory(model, { ...work, training }, { ...devices, isSharded }).bytes <= deviceBytes;
  };
  let [low, high] = [0, MOST_CLIPS];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}

function tooLarge(options: FitOptions, { isSharded, memory }: Omit<Fit, 'text'>): UserError {
  const { devices, deviceBytes, work } = options;
  const { training, scoring } = work;
  const ways = isSharded ? 'that each hold a share' : 'that each hold the whole model';
  const on = devices.ranks > 1 ? ` on ${devices.ranks} devices ${ways}` : '';
  const [what, clips] =
    training === null
      ? ['scoring', `${scoring.together} × ${scoring.clip.tokens}`]
      : ['training', `${training.microBatch} × ${training.clip.tokens}`];
  return new UserError(
    'not-supported',
    `${what} with ${clips} tokens at a time${on}: expected at most ${formatSize(deviceBytes)} of device memory, ` +
      `got a forecast of ${formatSize(memory.bytes)} (${largestParts(memory)})`,
    { hint: whatFits(options, isSharded) },
  );
}

const largestParts = (memory: DeviceMemory): string =>
  Object.entries(memory)
    .filter(([name]) => name !== 'bytes')
    .toSorted((a, b) => b[1] - a[1])
    .slice(0, 3)
    .map(([name, bytes]) => `${name} ${formatSize(bytes)}`)
    .join(', ');

/** What would fit, the least change first. */
function whatFits(options: FitOptions, isSharded: boolean): string {
  const { model, work, devices, deviceBytes, shard } = options;
  const ways: string[] = [];
  if (work.training !== null) {
    const { microBatch, gradientCheckpointing } = work.training;
    const smaller = largestMicroBatch(options, isSharded, gradientCheckpointing);
    if (smaller > 0) ways.push(`a microBatch of at most ${Math.min(smaller, microBatch - 1)}`);
    const again = gradientCheckpointing ? 0 : Math.min(microBatch, largestMicroBatch(options, isSharded, true));
    if (again > 0) ways.push(`train.gradientCheckpointing: true with a microBatch of at most ${again}`);
  }
  const fitsOn = (ranks: number, some: EngineWork): boolean =>
    deviceMemory(model, some, { ...devices, ranks, isSharded: true }).bytes <= deviceBytes;
  if (shard === 'none' && devices.ranks > 1 && fitsOn(devices.ranks, work)) ways.push('runtime.shard: full');
  const least = {
    ...work,
    training: work.training && { ...work.training, gradientCheckpointing: true, microBatch: 1 },
  };
  for (const [some, also] of [
    [work, ''],
    [least, ', train.gradientCheckpointing: true and microBatch: 1'],
  ] as const) {
    let more = devices.ranks * 2;
    while (more <= MOST_DEVICES && !fitsOn(more, some)) more *= 2;
    if (more > MOST_DEVICES) continue;
    ways.push(`${more} devices with runtime.shard: full${also}`);
    break;
  }
  const smaller = 'Smaller or fewer frames, a smaller model or devices with more memory need less.';
  return ways.length === 0 ? smaller : `What would fit: ${ways.join(', or ')}.`;
}
