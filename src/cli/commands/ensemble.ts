// `iovqa ensemble`: several models that score as one.
import { UserError, commandLine, oneLine, shellWord } from '../../core/index.ts';
import { createEnsemble, parseWeights } from '../../study/index.ts';
import { formatTable, printJson, printLines } from '../output.ts';
import type { Terminal } from '../terminal.ts';

/** Flags of `ensemble`. */
export interface EnsembleFlags {
  /** `equal`, `paper`, or numbers with commas between them. */
  weights: string;
  /** The base model. */
  model?: string;
  /** Most tokens of a template's text. */
  maxTextTokens?: number;
  /** Write a JSON value. */
  json?: boolean;
}

/**
 * Runs `iovqa ensemble`.
 * @param terminal - where it is shown
 * @param folder - where `ensemble.json` goes
 * @param paths - runs, adapters or models
 */
export async function ensembleCommand(
  terminal: Terminal,
  folder: string,
  paths: readonly string[],
  flags: EnsembleFlags,
): Promise<void> {
  if (paths.length < 2) {
    throw new UserError('bad-input', `members: expected at least two, got ${paths.map(oneLine).join(', ')}`);
  }
  const weights = parseWeights(flags.weights, paths.length);
  const members = await createEnsemble(
    folder,
    paths.map((path, i) => ({ path, weight: weights[i]! })),
    {
      ...(flags.model === undefined ? {} : { model: flags.model }),
      ...(flags.maxTextTokens === undefined ? {} : { maxTextTokens: flags.maxTextTokens }),
    },
  );
  if (flags.json === true) {
    printJson(terminal, { folder, members });
    return;
  }
  const rows = members.map(({ path, weight }) => [Number(weight.toFixed(4)), oneLine(path)]);
  printLines(terminal, [
    ...formatTable(['weight', 'member'], rows),
    `${commandLine(`score CLIPS --with ${shellWord(oneLine(folder))}`)} scores with it`,
  ]);
}
