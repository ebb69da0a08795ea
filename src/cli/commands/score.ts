// `iovqa score`: a score for each clip, in order, as they come.
import { stat } from 'node:fs/promises';
import { UserError, oneLine } from '../../core/index.ts';
import { formatCsv } from '../../dataset/index.ts';
import { openJsonLines, readJsonLines, truncateJsonLines, writeFileAtomic } from '../../files/index.ts';
import type { JsonLinesWriter } from '../../files/index.ts';
import type { Provider, RunOptions } from '../../graph/index.ts';
import { providers } from '../../graph/index.ts';
import type { ClipScore, FailedClip } from '../../score/index.ts';
import { loadScorer } from '../../score/index.ts';
import type { InputFlags, NamedClip } from '../inputs.ts';
import { findClips } from '../inputs.ts';
import { decimals, formatTable, printCsv, printJson, printLines } from '../output.ts';
import { startProgress } from '../progress.ts';

/** Flags of `score`. */
export interface ScoreFlags extends InputFlags {
  /** Run folder, adapter or model folder. */
  with: string;
  /** The base model. */
  model?: string;
  /** File that gets the scores. */
  out?: string;
  /** Go on with a file that was begun. */
  resume?: boolean;
  /** Threads of one op. */
  threads?: number;
  /** Processes that decode clips. */
  workers?: number;
  /** What ONNX Runtime runs the graph on. */
  provider?: string;
  /** False: vision features are neither taken from the cache nor kept in it. */
  cache?: boolean;
  /** Write CSV. */
  csv?: boolean;
  /** Write a JSON value. */
  json?: boolean;
}

/** A line of a scores file. */
export interface ScoreLine {
  /** Name of the clip: the manifest's, or the path. */
  clip: string;
  /** The score on the scale of the training data; null when the clip could not be scored. */
  score: number | null;
  /** The greedy answer as an integer, 10 to 50. */
  integer: number | null;
  /** Standard deviation of the distribution. */
  std: number | null;
  /** Probability of all legal answers together. */
  legalMass: number | null;
  /** Why there is no score. */
  error?: string;
}

const columns = ['clip', 'score', 'integer', 'std', 'legalMass', 'error'] as const;

/**
 * Runs `iovqa score`.
 * @param inputs - clips, folders or a manifest
 * @param flags - flags
 */
export async function score(inputs: string[], flags: ScoreFlags): Promise<void> {
  const { clips, failed } = await findClips(inputs, flags);
  const done = await linesToKeep(flags);
  const open = clips.filter(({ id }) => !done.has(id));
  const lines: ScoreLine[] = failed.map(({ id, reason }) => ({ ...noScore, clip: id, error: reason }));
  for (const line of lines) process.stderr.write(`${line.error}\n`);
  await using scorer = await loadScorer(flags.with, {
    ...(flags.model === undefined ? {} : { model: flags.model }),
    ...(flags.workers === undefined ? {} : { workers: flags.workers }),
    ...(flags.cache === false ? { cache: false } : {}),
    onNote: (text) => process.stderr.write(`note: ${text}\n`),
    run: runOptions(flags),
  });
  for (const note of scorer.notes) process.stderr.write(`note: ${note}\n`);
  const file = flags.out?.endsWith('.jsonl') === true ? await openJsonLines(flags.out) : null;
  const progress = startProgress('scoring', open.length);
  try {
    for (const line of lines) await file?.append(line);
    let count = 0;
    let numCached = 0;
    for await (const result of scorer.score(open)) {
      const line = scoreLine(result);
      lines.push(line);
      await file?.append(line);
      progress.update(++count);
      if ('cached' in result && result.cached) numCached++;
      if (line.error !== undefined) progress.note(line.error);
    }
    if (numCached > 0) progress.note(`vision features of ${numCached} of ${count} clips were in the cache`);
  } finally {
    progress.stop();
    await file?.close();
  }
  await present([...done.values(), ...lines], flags, file);
  if (lines.some(({ error }) => error !== undefined)) process.exitCode = 1;
}

const noScore = { score: null, integer: null, std: null, legalMass: null } as const;

function scoreLine(result: ClipScore | FailedClip): ScoreLine {
  const { id } = result.clip as NamedClip;
  if ('error' in result) return { clip: id, ...noScore, error: result.error.message };
  const { score: value, integer, std, legalMass } = result;
  return { clip: id, score: value, integer, std, legalMass };
}

/** Scores that a file begun before has, by clip. Lines of clips that failed leave the file: they are tried again. */
async function linesToKeep({ out, resume = false }: ScoreFlags): Promise<Map<string, ScoreLine>> {
  if (out === undefined) {
    if (resume) throw new UserError('bad-input', '--resume: expected --out FILE.jsonl beside it, got none');
    return new Map();
  }
  if (!/\.(jsonl|csv)$/.test(out)) {
    throw new UserError('bad-input', `--out: expected a name that ends in .jsonl or .csv, got ${out}`);
  }
  if (resume && out.endsWith('.csv')) {
    throw new UserError('bad-input', `--resume: expected --out FILE.jsonl beside it, got ${out}`);
  }
  const exists = await stat(out).then(
    ({ size }) => size > 0,
    () => false,
  );
  if (!exists) return new Map();
  if (!resume) {
    const hint = out.endsWith('.csv') ? 'Remove it, or choose another name.' : 'Add --resume to go on with it.';
    throw new UserError('bad-input', `${out}: expected a new file, got one that holds something`, { hint });
  }
  await truncateJsonLines(out, (line) => (line as ScoreLine).error === undefined);
  const kept = (await readJsonLines(out)) as ScoreLine[];
  return new Map(kept.map((line) => [line.clip, line]));
}

async function present(lines: readonly ScoreLine[], flags: ScoreFlags, file: JsonLinesWriter | null): Promise<void> {
  const cells = lines.map((line) => columns.map((column) => line[column] ?? null));
  if (flags.out?.endsWith('.csv') === true) {
    await writeFileAtomic(
      flags.out,
      formatCsv(
        columns,
        cells.map((row) => row.map((cell) => (cell === null ? '' : String(cell)))),
      ),
    );
    return;
  }
  if (file !== null) return;
  if (flags.json === true) printJson(lines);
  else if (flags.csv === true) printCsv(columns, cells);
  else {
    const rows = lines.map((line) => [
      decimals(line.score),
      line.std === null ? '–' : decimals(line.std, 3),
      line.integer === null ? '–' : String(line.integer),
      line.legalMass === null ? '–' : decimals(line.legalMass, 3),
      oneLine(line.clip),
    ]);
    printLines(formatTable(['score', 'std', 'integer', 'legalMass', 'clip'], rows));
  }
}

function runOptions({ threads, provider }: ScoreFlags): RunOptions {
  if (provider !== undefined && !providers.includes(provider as Provider)) {
    throw new UserError('bad-input', `--provider: expected one of ${providers.join(', ')}, got ${provider}`);
  }
  return {
    ...(threads === undefined ? {} : { threads }),
    ...(provider === undefined ? {} : { provider: provider as Provider }),
  };
}
