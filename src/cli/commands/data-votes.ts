// `iovqa data votes`: raw votes to a table of clips, and what each rater did.
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { OpinionReport } from '../../checks/index.ts';
import { opinionTable, opinionsOfVotes, raterTable } from '../../checks/index.ts';
import { UserError, commandLine, oneLine, shellWord, show } from '../../core/index.ts';
import { requireTableName, scaleName, sidecarPath, writeSidecar } from '../../dataset/index.ts';
import { writeFileAtomic } from '../../files/index.ts';
import type { RaterReport, VoteMethod } from '../../metrics/index.ts';
import type { Cell } from '../output.ts';
import { decimals, formatTable, printJson, printLines } from '../output.ts';
import type { TableFlags } from '../table-options.ts';
import { tableOptionsOf } from '../table-options.ts';
import type { Terminal } from '../terminal.ts';

/** Flags of `data votes`. */
export interface DataVotesFlags extends TableFlags {
  /** How votes become scores. */
  method: VoteMethod;
  /** Column of the rater's name. */
  rater?: string;
  /** Columns of the raters, separated by commas. */
  raters?: string;
  /** Text that stands for no vote. */
  missing?: string;
  /** The table of clips to write. */
  out?: string;
  /** The table of raters to write. */
  ratersOut?: string;
  /** Write a JSON value. */
  json?: boolean;
}

/** The methods, for people. */
const methodNames: Readonly<Record<VoteMethod, string>> = {
  mean: 'plain mean',
  bt500: 'mean of the raters kept by the screening of ITU-R BT.500-14, A1-2.3.1',
  p910: 'model of ITU-T P.910 Annex E: bias and inconsistency of raters by maximum likelihood',
};

/** Raters of longer lists are shown by what stands out. */
const shownRaters = 40;

/**
 * Runs `iovqa data votes`.
 * @param terminal - where it is shown
 * @param path - table of votes
 */
export async function dataVotes(terminal: Terminal, path: string, flags: DataVotesFlags): Promise<void> {
  const { out, ratersOut, rater, raters, missing, method } = flags;
  if (out !== undefined) requireTableName(out);
  if (out !== undefined && ratersOut !== undefined && resolve(out) === resolve(ratersOut))
    throw new UserError('bad-input', `--raters-out: expected another file than --out, got ${oneLine(ratersOut)}`);
  const written = [
    ...(out === undefined ? [] : [out, sidecarPath(out)]),
    ...(ratersOut === undefined ? [] : [ratersOut]),
  ];
  for (const path of written) await requireNew(path);
  const report = await opinionsOfVotes(path, {
    ...tableOptionsOf(flags),
    method,
    ...(rater === undefined ? {} : { rater }),
    ...(raters === undefined ? {} : { raters: raters.split(',').map((name) => name.trim()) }),
    ...(missing === undefined ? {} : { missing }),
  });
  if (out !== undefined) {
    const { text, options } = opinionTable(report, out);
    // The table last: without the file beside it, it would be read on another scale.
    await writeSidecar(out, options);
    await writeFileAtomic(out, text);
  }
  if (ratersOut !== undefined) await writeFileAtomic(ratersOut, raterTable(report.raters));
  if (flags.json === true) printJson(terminal, report);
  else printLines(terminal, [...told(report), ...next(report, out)]);
}

async function requireNew(path: string): Promise<void> {
  const size = await stat(path).then(
    (info) => info.size,
    () => 0,
  );
  if (size === 0) return;
  throw new UserError('bad-input', `${oneLine(path)}: expected a new file, got one that holds something`, {
    hint: 'Remove it, or choose another name.',
  });
}

function told(report: OpinionReport): string[] {
  const { clipColumn, raterColumn, scoreColumn, scale, numVotes, numMissing, clips, raters } = report;
  const layout =
    report.layout === 'long'
      ? `a row a vote, with the clip in ${show(clipColumn)}, the rater in ${show(raterColumn)}, the vote in ${show(scoreColumn)}`
      : `a row a clip in ${show(clipColumn)}, a column a rater: ${listed(raters.map(({ rater }) => rater))}`;
  const missing = numMissing === 0 ? '' : ` (${numMissing} not given)`;
  return [
    `${oneLine(report.file)}: ${layout}`,
    `${numVotes} votes${missing} of ${raters.length} raters on ${clips.length} clips, scale ${scaleName(scale)}`,
    `method: ${methodNames[report.method]}`,
    `95 % interval: ${report.interval}`,
    '',
    ...ratersTold(raters),
    ...(report.notes.length === 0 ? [] : ['', ...report.notes.map((note) => `note: ${oneLine(note)}`)]),
  ];
}

function ratersTold(raters: readonly RaterReport[]): string[] {
  const many = raters.length > shownRaters;
  const off = ({ rejected, reason, inconsistency }: RaterReport): number =>
    (rejected ? 2e6 : 0) + (reason === null ? 0 : 1e6) + (inconsistency ?? 0);
  const list = many ? [...raters].sort((a, b) => off(b) - off(a)).slice(0, shownRaters / 2) : raters;
  const counts = raters.some(({ above }) => above !== null);
  const rows = list.map((one): Cell[] => [
    oneLine(one.rater),
    one.votes,
    ...[one.mean, one.bias, one.inconsistency].map((value) => decimals(value, 2)),
    ...(counts ? [one.above, one.below] : []),
    one.rejected ? 'rejected' : one.reason === null ? '' : '*',
  ]);
  const header = ['rater', 'votes', 'mean', 'bias', 'inconsistency', ...(counts ? ['far above', 'far below'] : []), ''];
  // Raters that are treated otherwise for one reason are counted in a note; a rejection has its own.
  const rejected = list.filter((one) => one.rejected);
  return [
    ...formatTable(header, rows),
    ...(many
      ? [`… and ${raters.length - list.length} more raters; --raters-out FILE.csv or --json lists them all`]
      : []),
    ...rejected.map(({ rater, reason }) => `${oneLine(rater)} rejected: ${reason}`),
  ];
}

function next({ clips }: OpinionReport, out: string | undefined): string[] {
  if (out === undefined) return ['', 'Nothing was written: --out clips.csv writes the table of clips.'];
  const numScored = clips.filter(({ mos }) => mos !== null).length;
  return [
    '',
    `${oneLine(out)}: ${numScored} clips with mos, std, votes, ci_low, ci_high`,
    `next: ${commandLine(`data check ${shellWord(oneLine(out))}`)}`,
  ];
}

function listed(names: readonly string[]): string {
  const shown = names.length > 6 ? [...names.slice(0, 3), '…', names.at(-1)!] : names;
  return shown.map(oneLine).join(', ');
}
