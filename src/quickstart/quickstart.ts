// The quick start: a small data set, five adapters, and what they and their ensemble reach on clips that were held out.
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import pMap from 'p-map';
import { UserError, show } from '../core/index.ts';
import { acquireLock, makeFolder, readJson, writeFileAtomic } from '../files/index.ts';
import type { Contrast, Evaluation } from '../metrics/index.ts';
import { contrast, evaluate, srcc } from '../metrics/index.ts';
import { NoteCounter } from '../media/index.ts';
import { findModelFolder, openCheckpoint } from '../model/index.ts';
import type { Clip } from '../inputs/index.ts';
import type { ClipScore, FailedClip } from '../score/index.ts';
import { loadScorer } from '../score/index.ts';
import type { EnsembleScore } from '../study/index.ts';
import { loadEnsemble } from '../study/index.ts';
import type { QuickstartClip } from './clips.ts';
import { findPhotographs, makeClips } from './clips.ts';
import type { QuickstartMember } from './members.ts';
import { memberRecipe, quickstartFrames, quickstartMembers, trainApart } from './members.ts';

/** Scores of the held-out clips, and how well they agree with the labels. */
export interface QuickstartScores {
  /** What gave them. */
  name: string;
  /** In the order of the held-out clips, 1–5. */
  scores: number[];
  /** Agreement with the labels; intervals draw photographs again. */
  evaluation: Evaluation;
}

/** What the quick start found. */
export interface QuickstartResult {
  /** All clips. */
  clips: QuickstartClip[];
  /** The base model. */
  before: QuickstartScores;
  /** Each adapter. */
  members: (QuickstartScores & QuickstartMember)[];
  /** The five together, with the paper's weights. */
  ensemble: QuickstartScores;
  /** SRCC of the ensemble less that of the base model, paired over photographs. */
  gain: Contrast;
  /** What is to be known of the pixels and timing of held-out clips: a line a kind of note, with the number of clips; mostly none. */
  notes: string[];
  /** Seconds of each part. */
  seconds: Record<QuickstartStage, number>;
}

/** The parts, in their order. */
export type QuickstartStage = 'clips' | 'before' | 'training' | 'ensemble';

/** What {@link quickstart} needs. */
export interface QuickstartOptions {
  /** Folder of everything that it makes; gone on with where it was stopped. */
  folder: string;
  /** The base model's folder or name. */
  model: string;
  /** Folder of photographs. */
  pictures: string;
  /** Fixes clips and split; default 0. */
  seed?: number;
  /** The adapters that are trained; default {@link quickstartMembers}. */
  members?: readonly QuickstartMember[];
  /** Told how far a part is. */
  onProgress?: (stage: QuickstartStage, done: number, total: number) => void;
  /** Told what in the folder of photographs is passed over. */
  onNote?: (text: string) => void;
  /** Stops it with its reason. */
  signal?: AbortSignal;
}

/**
 * Makes clips of photographs, trains five adapters on a part of them, and scores the others before and after. Writes
 * `quickstart.json` beside the clips and runs.
 * @param options - folder, model, photographs
 * @returns scores and agreement
 */
export async function quickstart(options: QuickstartOptions): Promise<QuickstartResult> {
  const {
    folder,
    model,
    pictures,
    seed = 0,
    members = quickstartMembers,
    onProgress = () => {},
    onNote = () => {},
    signal,
  } = options;
  const seconds: Partial<Record<QuickstartStage, number>> = {};
  const timed = async <T>(stage: QuickstartStage, work: () => Promise<T>): Promise<T> => {
    const started = performance.now();
    const result = await work().catch(async (error: unknown) => {
      if (!(error instanceof UserError)) await lock.requireHeld(); // the folder may be gone
      throw error;
    });
    await lock.requireHeld();
    seconds[stage] = (performance.now() - started) / 1000;
    return result;
  };

  // What is wrong with these is said before anything is made.
  await openCheckpoint(model);
  for (const line of (await findPhotographs(pictures)).passedOver) onNote(line);
  await makeFolder(folder);
  await using lock = await acquireLock(join(folder, 'quickstart.lock'), folder);
  await keepSettings(folder, { model: resolve(await findModelFolder(model)), pictures: resolve(pictures), seed });

  const clips = await timed('clips', () =>
    makeClips(folder, pictures, { seed, signal, onProgress: (done, total) => onProgress('clips', done, total) }),
  );
  const held = clips.filter(({ split }) => split === 'test');
  const asked = held.map(({ id }): Clip => ({ path: join(folder, id), kind: 'video' }));
  const scored = (name: string, scores: number[]): QuickstartScores => ({
    name,
    scores,
    evaluation: evaluate({
      predictions: scores,
      mos: held.map(({ mos }) => mos),
      groups: held.map(({ group }) => group),
    }),
  });
  const read = async <R extends { clip: Clip }>(
    stage: QuickstartStage,
    results: AsyncIterable<R | FailedClip>,
    take: (result: R) => void,
  ): Promise<void> => {
    let done = 0;
    for await (const result of results) {
      if ('error' in result) throw result.error;
      take(result);
      onProgress(stage, ++done, held.length);
    }
  };

  const before: number[] = [];
  await timed('before', async () => {
    await using scorer = await loadScorer(model, { settings: { frames: quickstartFrames } });
    await read<ClipScore>('before', scorer.score(asked, signal), ({ score }) => before.push(score));
  });

  await timed('training', async () => {
    const steps = new Map<string, readonly [number, number]>();
    const train = async (member: QuickstartMember, ended: AbortSignal): Promise<void> => {
      const out = join(folder, member.name);
      const onStep = (done: number, total: number): void => {
        steps.set(member.name, [done, total]);
        const sum = [...steps.values()].reduce((sum, [done]) => sum + done, 0);
        onProgress('training', sum, total * members.length);
      };
      await trainApart(memberRecipe(member, model, join(folder, 'clips.csv'), out), onStep, ended);
    };
    const failed = new AbortController();
    const either = signal === undefined ? failed.signal : AbortSignal.any([signal, failed.signal]);
    const trainings = members.map((member) => () => train(member, either));
    const settled = await pMap(
      trainings,
      (start) =>
        start().catch((error: unknown) => {
          failed.abort(error); // the others end, too
          return error;
        }),
      { concurrency: availableParallelism() },
    );
    const error = settled.find((result) => result !== undefined);
    if (error !== undefined) throw failed.signal.reason;
  });

  const ensemble: number[] = [];
  const perMember = members.map((): number[] => []);
  const notes = new NoteCounter();
  await timed('ensemble', async () => {
    const paths = members.map(({ name, weight }) => ({ path: join(folder, name), weight }));
    await using scorer = await loadEnsemble(paths);
    await read<EnsembleScore>('ensemble', scorer.score(asked, signal), (result) => {
      ensemble.push(result.score);
      result.members.forEach(({ score }, i) => perMember[i]!.push(score));
      notes.add(result.members.flatMap(({ plan }) => plan.notes));
    });
  });

  const result: QuickstartResult = {
    clips,
    before: scored('base model', before),
    members: members.map((member, i) => ({ ...member, ...scored(member.name, perMember[i]!) })),
    ensemble: scored('ensemble', ensemble),
    gain: contrast(
      [ensemble],
      [before],
      held.map(({ mos }) => mos),
      srcc,
      { groups: held.map(({ group }) => group) },
    ),
    notes: notes.lines(),
    seconds: seconds as Record<QuickstartStage, number>,
  };
  await writeFileAtomic(join(folder, 'quickstart.json'), `${JSON.stringify(result, null, 1)}\n`);
  return result;
}

/** Clips and trainings of a folder belong together: another quick start needs another one. */
async function keepSettings(folder: string, settings: Record<string, string | number>): Promise<void> {
  const file = join(folder, 'settings.json');
  const before = await readJson(file);
  if (before === undefined) await writeFileAtomic(file, `${JSON.stringify(settings, null, 2)}\n`);
  else if (JSON.stringify(before) !== JSON.stringify(settings)) {
    throw new UserError('bad-input', `${file}: expected ${show(settings)}, got ${show(before)}`, {
      hint: 'That is the quick start which the folder was begun with: choose another folder.',
    });
  }
}
