// `iovqa estimate`: what a run will take, before it takes it.
import { UserError, formatSize, parseSize } from '../../core/index.ts';
import type { ResolvedRecipe } from '../../train/index.ts';
import { estimateDevices, estimateRun } from '../../train/index.ts';
import { formatTable, printJson, printLines } from '../output.ts';
import { formatSeconds } from '../progress.ts';
import type { RecipeFlags } from '../recipe-options.ts';
import { recipeOf } from '../recipe-options.ts';
import type { Terminal } from '../terminal.ts';

/** Flags of `estimate`. */
export interface EstimateFlags extends RecipeFlags {
  /** Memory of another machine. */
  memory?: string;
  /** Its cores. */
  threads?: number;
  /** Memory of a device of the torch engine. */
  deviceMemory?: string;
  /** Write a JSON value. */
  json?: boolean;
}

const gb = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;

/** Seconds as people say them, short ones with a digit behind the point. */
const time = (seconds: number): string => (seconds < 10 ? `${seconds.toPrecision(2)} s` : formatSeconds(seconds));

/**
 * Runs `iovqa estimate`.
 * @param terminal - where it is shown
 * @param path - recipe file
 */
export async function estimateCommand(
  terminal: Terminal,
  path: string | undefined,
  flags: EstimateFlags,
): Promise<void> {
  const resolved = await recipeOf(path, flags, { out: 'runs/estimate' });
  const { engine } = resolved.recipe.runtime;
  const foreign = engine === 'torch' ? (['memory', 'threads'] as const) : (['deviceMemory'] as const);
  for (const name of foreign) {
    if (flags[name] === undefined) continue;
    const option = name === 'deviceMemory' ? 'device-memory' : name;
    const wanted = engine === 'torch' ? 'onnx' : 'torch';
    throw new UserError('bad-input', `--${option}: expected --engine ${wanted} beside it, got ${engine}`);
  }
  if (engine === 'torch') return devices(terminal, resolved, flags);
  const estimate = await estimateRun(resolved, {
    ...(flags.memory === undefined ? {} : { memoryBytes: parseSize(flags.memory, '--memory') }),
    ...(flags.threads === undefined ? {} : { threads: flags.threads }),
  });
  for (const note of estimate.notes) terminal.tell(`note: ${note}`);
  if (flags.json === true) return printJson(terminal, estimate);
  const { parts, ownBytes, residentBytes, machineBytes, numSampled, tokens, visionTokens, seconds } = estimate;
  printLines(terminal, [
    `${Math.round(tokens)} tokens a clip, ${Math.round(visionTokens)} of them frames (mean of ${numSampled} clips)`,
    ...formatTable(
      ['what', 'runs', 'each', 'together', 'own memory', 'mapped weights'],
      parts.map((one) => [
        one.name,
        one.runs,
        time(one.seconds),
        time(one.runs * one.seconds),
        gb(one.ownBytes),
        gb(one.mappedBytes),
      ]),
    ),
    `time: about ${time(seconds)}, decoding aside`,
    `memory: about ${gb(residentBytes)} resident, ${gb(ownBytes)} of it its own; ${flags.memory === undefined ? 'this machine' : 'the machine'} has ${gb(machineBytes)}`,
  ]);
  if (ownBytes > 0.9 * machineBytes) {
    terminal.tell(
      'note: that is more than the machine has; a smaller microBatch, frames.maxPixels or model needs less',
    );
  } else if (residentBytes > 0.9 * machineBytes) {
    terminal.tell('note: the weights do not all stay in memory beside that; reading them again takes time');
  }
}

/** Memory of each device of the torch engine. */
async function devices(terminal: Terminal, resolved: ResolvedRecipe, flags: EstimateFlags): Promise<void> {
  const bytes = flags.deviceMemory === undefined ? null : parseSize(flags.deviceMemory, '--device-memory');
  const estimate = await estimateDevices(resolved, bytes);
  for (const note of estimate.notes) terminal.tell(`note: ${note}`);
  if (flags.json === true) return printJson(terminal, estimate);
  const { ways, chosen, numSampled, tokens, visionTokens, microBatch, precision } = estimate;
  const isKnown = bytes !== null;
  printLines(terminal, [
    `${tokens} tokens a clip, ${visionTokens} of them frames (the longest of ${numSampled} clips); microBatch ${microBatch}; ${precision}`,
    ...formatTable(
      [
        'shard',
        'checkpointing',
        'weights',
        'tower',
        'training',
        'gathered',
        'activations',
        'logits',
        'rest',
        'a device',
        ...(isKnown ? ['fits', 'largest microBatch'] : []),
      ],
      ways.map(({ shard, gradientCheckpointing, memory, fits, largestMicroBatch }) => [
        shard,
        gradientCheckpointing ? 'yes' : 'no',
        gb(memory.weights),
        gb(memory.tower),
        gb(memory.trained),
        gb(memory.gathered),
        gb(memory.activations),
        gb(memory.logits),
        gb(memory.other + memory.fixed),
        gb(memory.bytes),
        ...(isKnown ? [fits === true ? 'yes' : 'no', largestMicroBatch ?? 0] : []),
      ]),
    ),
    ...(isKnown ? [inWords(estimate.devices, bytes, chosen)] : []),
    'time: not measured yet on GPUs',
  ]);
}

function inWords(count: number, bytes: number, chosen: { shard: string; memory: { bytes: number } } | null): string {
  const where = `${count} ${count === 1 ? 'device' : 'devices'} of ${formatSize(bytes)}`;
  if (chosen === null) return `${where}: the recipe does not fit`;
  return `${where}: the recipe fits with runtime.shard ${chosen.shard}, ${gb(chosen.memory.bytes)} a device`;
}
