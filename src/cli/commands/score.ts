// `iovqa score`: a score for each clip, in order, as they come; only what is being worked on is held.
import { stat } from 'node:fs/promises';
import { UserError, nearest, parseSize, show } from '../../core/index.ts';
import { truncateJsonLines } from '../../files/index.ts';
import type { Provider, RunOptions } from '../../graph/index.ts';
import { providers } from '../../graph/index.ts';
import { embeddedAdapter, embeddedModel } from '../../model/index.ts';
import type { ScoreLine, ScorerOptions } from '../../score/index.ts';
import { hashOfMeta, loadScorer, rowKey } from '../../score/index.ts';
import { isEnsemble, loadEnsemble } from '../../study/index.ts';
import type { BadRow, InputFlags, NamedClip } from '../inputs.ts';
import { findClips } from '../inputs.ts';
import { startProgress } from '../progress.ts';
import type { ScoredItem } from '../score-order.ts';
import { scoreInOrder } from '../score-order.ts';
import { openScoreOutput } from '../score-output.ts';
import { tell } from '../terminal.ts';

/** Flags of `score`. */
export interface ScoreFlags extends InputFlags {
  /** Run folder, adapter or model folder; default: the adapter that ships. */
  with?: string;
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
  /** Most tokens of a clip's text. */
  maxTextTokens?: number;
  /** Most memory of one run, such as `8GB`. */
  maxMemory?: string;
  /** False: vision features are neither taken from the cache nor kept in it. */
  cache?: boolean;
  /** Write CSV. */
  csv?: boolean;
  /** Write a JSON value. */
  json?: boolean;
}

/**
 * Runs `iovqa score`.
 * @param inputs - clips, folders or a manifest
 * @param flags - flags
 */
export async function score(inputs: string[], flags: ScoreFlags): Promise<void> {
  if (flags.with === undefined && flags.model !== undefined) {
    throw new UserError('bad-input', '--model: expected --with ADAPTER beside it, got none', {
      hint: 'A model alone scores with --with MODEL.',
    });
  }
  const { count, notes, items } = await findClips(inputs, flags);
  for (const note of notes) tell(`note: ${note}`);
  const { finished: done, bases } = await finishedClips(flags);
  const source = flags.with ?? embeddedAdapter();
  const model = flags.with === undefined ? embeddedModel() : flags.model;
  const options: ScorerOptions = {
    ...(model === undefined ? {} : { model }),
    ...(flags.workers === undefined ? {} : { workers: flags.workers }),
    ...(flags.maxTextTokens === undefined ? {} : { maxTextTokens: flags.maxTextTokens }),
    ...(flags.maxMemory === undefined ? {} : { maxMemory: parseSize(flags.maxMemory, '--max-memory') }),
    ...(flags.cache === false ? { cache: false } : {}),
    onNote: (text) => tell(`note: ${text}`),
    run: runOptions(flags),
  };
  const hasMembers = await isEnsemble(source);
  await using scorer = await (hasMembers ? loadEnsemble(source, options) : loadScorer(source, options));
  if (flags.prompt !== undefined) scorer.checkPrompt(flags.prompt); // once, not for each clip
  for (const note of scorer.notes) tell(`note: ${note}`);
  const { about } = scorer;
  for (const basis of bases) {
    if (basis === about) continue;
    throw new UserError(
      'bad-input',
      `${flags.out}: expected scores with the basis ${show(about)}, got ${show(basis)}`,
      {
        hint: 'Another model began the file: say it with --with, or choose another file.',
      },
    );
  }
  await using output = await openScoreOutput(flags, 'members' in scorer ? scorer.members.length : 0, about !== null);
  const progress = startProgress('scoring', count);
  let numDone = 0;
  let numScored = 0;
  let numCached = 0;
  let numFailed = 0;
  const open = async function* (): AsyncGenerator<(NamedClip | BadRow) & { row: number }, void> {
    let row = 0;
    for await (const item of items()) {
      row++;
      if (done.has(item.id)) numDone++;
      else yield { ...item, row };
    }
  };
  const made = hashOfMeta(await scorer.describe());
  try {
    for await (const item of scoreInOrder((clips) => scorer.score(clips), open())) {
      const line = scoreLine(item, made, about);
      await output.write(line);
      progress.update(++numDone);
      if ('score' in item) numScored++;
      if ('cached' in item && item.cached) numCached++;
      if (line.error === undefined) continue;
      numFailed++;
      tell(line.error);
    }
    await output.end();
    if (numCached > 0) tell(`vision features of ${numCached} of ${numScored} clips were in the cache`);
  } finally {
    progress.stop();
  }
  if (numFailed > 0) process.exitCode = 1;
}

const noScore = { score: null, integer: null, std: null, legalMass: null } as const;

function scoreLine(item: ScoredItem, made: string, about: string | null): ScoreLine {
  const of = ('reason' in item ? item : item.clip) as (NamedClip | BadRow) & { row: number };
  const basis = about === null ? {} : { basis: about };
  const key = rowKey(made, 'prompt' in of ? of.prompt : undefined);
  const start = { row: of.row, clip: of.id };
  if ('reason' in item) return { ...start, ...noScore, ...basis, error: item.reason, key };
  if ('error' in item) return { ...start, ...noScore, ...basis, error: item.error.message, key };
  const { score: value, integer, std, legalMass } = item;
  const members = 'members' in item ? item.members : [];
  return {
    ...start,
    score: value,
    integer,
    std,
    legalMass,
    ...Object.fromEntries(members.map((member, i) => [`member${i + 1}`, member.score])),
    ...basis,
    key,
  };
}

/** What a file begun before holds. */
interface Finished {
  /** Clips that it has a score of. */
  finished: Set<string>;
  /** What their lines say of the model; null for nothing. */
  bases: Set<string | null>;
}

/** Reads a file begun before. Lines of clips that failed leave it: they are tried again. */
async function finishedClips({ out, resume = false }: ScoreFlags): Promise<Finished> {
  const finished = new Set<string>();
  const bases = new Set<string | null>();
  if (out === undefined) {
    if (resume) throw new UserError('bad-input', '--resume: expected --out FILE.jsonl beside it, got none');
    return { finished, bases };
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
  if (!exists) return { finished, bases };
  if (!resume) {
    const hint = out.endsWith('.csv') ? 'Remove it, or choose another name.' : 'Add --resume to go on with it.';
    throw new UserError('bad-input', `${out}: expected a new file, got one that holds something`, { hint });
  }
  await truncateJsonLines(out, (value) => {
    const { clip, error, basis = null } = value as ScoreLine;
    if (error !== undefined) return false;
    finished.add(clip);
    bases.add(basis);
    return true;
  });
  return { finished, bases };
}

function runOptions({ threads, provider }: ScoreFlags): RunOptions {
  if (provider !== undefined && !providers.includes(provider as Provider)) {
    const near = nearest(provider, providers);
    const hint = near === undefined ? {} : { hint: `did you mean ${near}?` };
    throw new UserError(
      'bad-input',
      `--provider: expected one of ${providers.join(', ')}, got ${show(provider)}`,
      hint,
    );
  }
  return {
    ...(threads === undefined ? {} : { threads }),
    ...(provider === undefined ? {} : { provider: provider as Provider }),
  };
}
