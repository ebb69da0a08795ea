// `iovqa ensemble`: several models that score as one.
import { UserError, commandLine, oneLine, shellWord } from '../../core/index.ts';
import type { EnsembleCombination, EnsembleMember } from '../../study/index.ts';
import { createEnsemble, fitWeights, parseWeights, rankAmong } from '../../study/index.ts';
import { readNamedArms } from '../arms.ts';
import { formatTable, printJson, printLines } from '../output.ts';
import type { ScoreTableFlags } from '../score-table.ts';
import type { Terminal } from '../terminal.ts';

/** Flags of `ensemble`. Those of a table are those of the opinion scores that weights are fitted to. */
export interface EnsembleFlags extends ScoreTableFlags {
  /** `equal`, `paper`, `fitted`, or numbers with commas between them. */
  weights: string;
  /** What is averaged. */
  combine?: EnsembleCombination;
  /** Scores files of the members. */
  reference?: string[];
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
  const references = referencesOf(paths, flags);
  const weights =
    flags.weights === 'fitted' ? await fitted(terminal, references, flags) : parseWeights(flags.weights, paths.length);
  const asked = paths.map((path, i): EnsembleMember => {
    return { path, weight: weights[i]!, ...(references[i] === undefined ? {} : { reference: references[i] }) };
  });
  const isOut = ({ weight }: EnsembleMember): boolean => flags.weights === 'fitted' && weight === 0;
  for (const { path } of asked.filter(isOut)) {
    terminal.tell(`note: ${oneLine(path)} is left out: its fitted weight is 0`);
  }
  const members = await createEnsemble(
    folder,
    asked.filter((member) => !isOut(member)),
    {
      ...(flags.combine === undefined ? {} : { combine: flags.combine }),
      ...(flags.model === undefined ? {} : { model: flags.model }),
      ...(flags.maxTextTokens === undefined ? {} : { maxTextTokens: flags.maxTextTokens }),
    },
  );
  if (flags.json === true) {
    printJson(terminal, { folder, members: members.map(({ reference: _reference, ...member }) => member) });
    return;
  }
  const rows = members.map(({ path, weight }) => [Number(weight.toFixed(4)), oneLine(path)]);
  printLines(terminal, [
    ...formatTable(['weight', 'member'], rows),
    `${commandLine(`score CLIPS --with ${shellWord(oneLine(folder))}`)} scores with it`,
  ]);
}

/** The scores files: one a member, where something is done with them. */
function referencesOf(paths: readonly string[], { reference = [], combine, weights }: EnsembleFlags): string[] {
  const isUsed = combine === 'ranks' || weights === 'fitted';
  if (!isUsed && reference.length > 0) {
    throw new UserError('bad-input', 'reference: expected --combine ranks or --weights fitted with it, got neither');
  }
  if (isUsed && reference.length !== paths.length) {
    throw new UserError(
      'bad-input',
      `reference: expected a file for each of ${paths.length} members, got ${reference.length}`,
      {
        hint: `Score the same clips with each member: ${commandLine('score CLIPS --with MEMBER --out FILE')}`,
      },
    );
  }
  return reference;
}

/** Weights that are fitted to opinion scores of the clips that all files have; those of ranks to the opinion scores' ranks. */
async function fitted(terminal: Terminal, references: readonly string[], flags: EnsembleFlags): Promise<number[]> {
  const named = references.map((file, i) => ({ name: `member ${i + 1}`, files: [file] }));
  const { arms, mos, notes } = await readNamedArms('ensemble', named, flags);
  for (const note of notes) terminal.tell(`note: ${note}`);
  const scores = arms.map(({ seeds }) => seeds[0]!);
  if (flags.combine !== 'ranks') return fitWeights(scores, mos);
  return fitWeights(
    scores.map((own) => own.map(rankAmong(own))),
    mos.map(rankAmong(mos)),
  );
}
