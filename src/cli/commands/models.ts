// `iovqa models`: a randomly initialised model to train from scratch, a model of the hub, and what its cache holds.
import { commandLine } from '../../core/index.ts';
import {
  createRandomCheckpoint,
  hubCacheFolder,
  listCachedModels,
  openCheckpoint,
  pullModel,
} from '../../model/index.ts';
import { untilStopped } from '../stop.ts';
import { formatTable, printJson, printLines } from '../output.ts';
import type { Progress } from '../progress.ts';
import { startProgress } from '../progress.ts';
import type { Terminal } from '../terminal.ts';

/** Flags of `models new`. */
export interface ModelsNewFlags {
  /** Name of the size. */
  preset: string;
  /** Seed of the weights. */
  seed: number;
  /** Element type of the weights. */
  dtype: 'f32' | 'bf16';
  /** Write a JSON value. */
  json?: boolean;
}

/**
 * Runs `iovqa models new`.
 * @param terminal - where it is shown
 * @param folder - where the model goes
 */
export async function modelsNew(terminal: Terminal, folder: string, flags: ModelsNewFlags): Promise<void> {
  await untilStopped(terminal, 'stopping; nothing is left behind', async (signal) => {
    let progress: Progress | undefined;
    try {
      await createRandomCheckpoint(folder, {
        preset: flags.preset,
        seed: flags.seed,
        dtype: flags.dtype === 'bf16' ? 'BF16' : 'F32',
        onProgress: (done, total) => {
          progress ??= startProgress(terminal, 'million parameters', Math.round(total / 1e6), flags.json);
          progress.update(Math.round(done / 1e6));
        },
        signal,
      });
    } finally {
      progress?.stop();
    }
    const { names, stored } = await openCheckpoint(folder);
    const numParameters = names.reduce((total, name) => total + stored(name).shape.reduce((a, b) => a * b, 1), 0);
    if (flags.json === true) printJson(terminal, { folder, preset: flags.preset, seed: flags.seed, numParameters });
    else printLines(terminal, [`${folder}: ${numParameters.toLocaleString('en')} parameters`]);
  });
}

/** Flags of `models pull`. */
export interface ModelsPullFlags {
  /** Branch, tag or commit. */
  revision?: string;
  /** Leave the weights out. */
  configOnly?: boolean;
  /** Write a JSON value. */
  json?: boolean;
}

/**
 * Runs `iovqa models pull`.
 * @param terminal - where it is shown
 * @param name - `ORG/NAME`
 */
export async function modelsPull(
  terminal: Terminal,
  name: string,
  { revision, configOnly = false, json = false }: ModelsPullFlags,
): Promise<void> {
  let progress: Progress | undefined;
  let shown = 0;
  await untilStopped(terminal, 'stopping; the same command goes on', async (signal) => {
    try {
      const pulled = await pullModel(name, {
        ...(revision === undefined ? {} : { revision }),
        configOnly,
        signal,
        onPlan: ({ repo, revision: at, commit, files, sizeBytes, missingBytes }) => {
          const missing = missingBytes === 0 ? 'all here' : `${megabytes(missingBytes)} MB to fetch`;
          terminal.tell(`${repo} at ${at} is ${commit}: ${files.length} files, ${megabytes(sizeBytes)} MB, ${missing}`);
          progress = startProgress(terminal, 'MB', megabytes(sizeBytes), json);
        },
        onProgress: (done) => {
          if (megabytes(done) === shown) return;
          shown = megabytes(done);
          progress?.update(shown);
        },
        onNote: (text) => terminal.tell(text),
      });
      progress?.stop();
      if (json) printJson(terminal, pulled);
      else printLines(terminal, [`${pulled.repo} ${pulled.commit}`, pulled.folder]);
    } finally {
      progress?.stop();
    }
  });
}

const megabytes = (bytes: number): number => Math.ceil(bytes / 1e6);

/** Flags of `models list`. */
export interface ModelsListFlags {
  /** Write a JSON value. */
  json?: boolean;
}

/**
 * Runs `iovqa models list`.
 * @param terminal - where it is shown
 */
export async function modelsList(terminal: Terminal, { json = false }: ModelsListFlags): Promise<void> {
  const models = await listCachedModels({ onNote: (line) => terminal.tell(`note: ${line}`) });
  if (json) {
    printJson(terminal, models);
    return;
  }
  if (models.length === 0)
    terminal.tell(`none in ${hubCacheFolder()}; ${commandLine('models pull ORG/NAME')} gets one`);
  const rows = models.map(({ repo, kind, revisions, commit, sizeBytes, complete }) => {
    const state = complete ? 'whole' : 'in part';
    return [repo, kind, revisions.join(', ') || null, commit, (sizeBytes / 1e9).toFixed(2), state];
  });
  if (rows.length > 0) printLines(terminal, formatTable(['name', 'kind', 'revision', 'commit', 'GB', 'state'], rows));
}
