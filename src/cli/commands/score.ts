// `iovqa score`: a score for each clip, in order, as they come; only what is being worked on is held.
import { UserError, nearest, parseSize, show } from '../../core/index.ts';
import { scaleName } from '../../dataset/index.ts';
import type { EngineName, Provider, RuntimeOptions } from '../../engine/index.ts';
import { providers } from '../../engine/index.ts';
import { NoteCounter } from '../../media/index.ts';
import { embeddedAdapter, embeddedModel } from '../../model/index.ts';
import type { ClipList, ListPart, ListScorer, ScoredRow, ScorerOptions } from '../../score/index.ts';
import { loadScorer, openScoresFile, partName, rowsOfPart, scoreList, shapeOfMeta } from '../../score/index.ts';
import { isEnsemble, loadEnsemble } from '../../study/index.ts';
import type { DecoderName } from '../../video/index.ts';
import type { InputFlags } from '../inputs.ts';
import { withPython } from '../engine-python.ts';
import type { EngineFlags } from '../recipe-options.ts';
import type { MachineFlags } from '../machines.ts';
import { flagRole, onMachines } from '../machines.ts';
import { findClips } from '../inputs.ts';
import { causeOfError, repeatedNotes } from '../repeated.ts';
import { startProgress } from '../progress.ts';
import { printScores } from '../score-output.ts';
import type { Terminal } from '../terminal.ts';

/** Flags of `score`. */
export interface ScoreFlags extends InputFlags, EngineFlags, MachineFlags {
  /** Run folder, adapter or model folder; default: the adapter that ships. */
  with?: string;
  /** The base model. */
  model?: string;
  /** Only this part of the list. */
  part?: ListPart;
  /** File that gets the scores. */
  out?: string;
  /** Go on with a file that was begun. */
  resume?: boolean;
  /** Score rows with an error again. */
  retryFailed?: boolean;
  /** Threads of one op. */
  threads?: number;
  /** Processes that decode clips. */
  workers?: number;
  /** What decodes videos. */
  decoder?: DecoderName;
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
 * @param terminal - where it is shown
 * @param inputs - clips, folders or a manifest
 */
export async function score(terminal: Terminal, inputs: string[], flags: ScoreFlags): Promise<void> {
  // Tasks of srun score parts of a list, each by itself: several machines are wanted by flags alone.
  const runtime = runtimeOptions(flags);
  await onMachines(terminal, flagRole(flags), undefined, (machines) =>
    scoreWith(terminal, inputs, flags, { runtime, ...withPython(undefined, machines) }),
  );
}

async function scoreWith(
  terminal: Terminal,
  inputs: string[],
  flags: ScoreFlags,
  engine: Pick<ScorerOptions, 'runtime' | 'openEngine'>,
): Promise<void> {
  const note = (text: string): void => terminal.tell(`note: ${text}`);
  if (flags.with === undefined && flags.model !== undefined) {
    throw new UserError('bad-input', '--model: expected --with ADAPTER beside it, got none', {
      hint: 'A model alone scores with --with MODEL.',
    });
  }
  requireOut(flags);
  const { count, notes, items, scale } = await findClips(inputs, flags);
  for (const text of notes) note(text);
  await using file = flags.out === undefined ? null : await openScoresFile(flags.out, flags);
  const source = flags.with ?? embeddedAdapter();
  const model = flags.with === undefined ? embeddedModel() : flags.model;
  const options: ScorerOptions = {
    ...(model === undefined ? {} : { model }),
    ...(flags.workers === undefined ? {} : { workers: flags.workers }),
    ...(flags.decoder === undefined ? {} : { decoder: flags.decoder }),
    ...(flags.maxTextTokens === undefined ? {} : { maxTextTokens: flags.maxTextTokens }),
    ...(flags.maxMemory === undefined ? {} : { maxMemory: parseSize(flags.maxMemory, '--max-memory') }),
    ...(flags.cache === false ? { cache: false } : {}),
    onNote: note,
    ...engine,
  };
  await using scorer = await ((await isEnsemble(source)) ? loadEnsemble(source, options) : loadScorer(source, options));
  if (flags.prompt !== undefined) scorer.checkPrompt(flags.prompt); // once, not for each clip
  for (const text of scorer.notes) note(text);
  const { runtime, scale: itsScale } = await scorer.describe();
  const numRows = rowsOfPart(flags.part, runtime.batchSize).count(count);
  if (flags.part !== undefined) note(`${partName(flags.part)}: ${numRows} of ${count} rows`);
  const progress = startProgress(terminal, 'scoring', numRows);
  const failures = repeatedNotes((line) => terminal.tell(line));
  const pixels = new NoteCounter();
  const counts = { done: 0, scored: 0, cached: 0, failed: 0, keptFailed: 0 };
  const onRow = ({ line, cached }: ScoredRow): void => {
    progress.update(++counts.done);
    pixels.add(line.notes ?? []);
    if (line.error === undefined) {
      counts.scored++;
      if (cached) counts.cached++;
      return;
    }
    counts.failed++;
    failures.tell(line.error, causeOfError(line.clip, line.error));
  };
  const onKept = (numKept: number, numFailed: number): void => {
    counts.done = numKept;
    counts.keptFailed = numFailed;
  };
  const given = scaleName(itsScale);
  if (scale !== undefined && scale !== given) {
    note(`scores are on ${given}, as the model was trained; those of the table are on ${scale}`);
  }
  try {
    if (file !== null) await file.score(scorer, items, { onKept, onRow, onNote: note });
    else await print(terminal, scorer, items, flags, onRow);
    failures.end();
    for (const text of pixels.lines()) note(text);
    if (counts.cached > 0)
      terminal.tell(`vision features of ${counts.cached} of ${counts.scored} clips were in the cache`);
    const wait = scorer.inputWait();
    if (wait !== null && wait.elapsed > 0) {
      terminal.tell(`workers waited for input ${Math.round((100 * wait.waited) / wait.elapsed)} % of the time`);
    }
    if (counts.keptFailed > 0) {
      terminal.tell(
        `${counts.keptFailed} rows of ${flags.out} have an error from before: --retry-failed scores them again`,
      );
    }
  } finally {
    progress.stop();
  }
  if (counts.failed + counts.keptFailed > 0) terminal.exitStatus = 1;
}

/** Scores to stdout. */
async function print(
  terminal: Terminal,
  scorer: ListScorer,
  list: ClipList,
  flags: ScoreFlags,
  onRow: (row: ScoredRow) => void,
): Promise<void> {
  const meta = await scorer.describe();
  const output = printScores(terminal, flags, shapeOfMeta(meta));
  const isMeant = rowsOfPart(flags.part, meta.runtime.batchSize).has;
  for await (const row of scoreList(scorer, meta, list, { isMeant })) {
    await output.write(row.line);
    onRow(row);
  }
  await output.end();
}

/** Checks what goes with `--out`. */
function requireOut({ out, resume, retryFailed }: ScoreFlags): void {
  if (out !== undefined) return;
  for (const [flag, isGiven] of [
    ['--resume', resume],
    ['--retry-failed', retryFailed],
  ] as const) {
    if (isGiven === true) throw new UserError('bad-input', `${flag}: expected --out FILE beside it, got none`);
  }
}

function runtimeOptions(flags: ScoreFlags): RuntimeOptions {
  const { threads, provider, maxMemory, engine, python, devices, shard, precision, nodes } = flags;
  const ofTorch = { python, devices, shard, precision };
  if (engine === 'torch') {
    refuse(engine, { provider, 'max-memory': maxMemory });
    return { engine, ...(threads === undefined ? {} : { threads }), ...given(ofTorch) };
  }
  refuse('onnx', { ...ofTorch, nodes });
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

/** Refuses flags that an engine does not have. */
function refuse(engine: EngineName, flags: Readonly<Record<string, unknown>>): void {
  const other = engine === 'onnx' ? 'torch' : 'onnx';
  for (const name of Object.keys(given(flags))) {
    throw new UserError('bad-input', `--${name}: expected --engine ${other} beside it, got ${engine}`);
  }
}

const given = <T extends object>(flags: T): { [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined)) as ReturnType<typeof given<T>>;
