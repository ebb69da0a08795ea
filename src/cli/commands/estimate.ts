// `iovqa estimate`: what a run will take, before it takes it.
import { parseSize } from '../../core/index.ts';
import { estimateRun } from '../../train/index.ts';
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
  const estimate = await estimateRun(await recipeOf(path, flags, { out: 'runs/estimate' }), {
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
