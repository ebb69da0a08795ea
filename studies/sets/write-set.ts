// Writes a set of clips that are made from photographs: what is there is not made again.
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import pMap from 'p-map';
import sharp from 'sharp';
import { UserError, oneLine, show } from '../../src/core/index.ts';
import { acquireLock, isLeftover, makeFolder, readJson, sha256File, writeFileAtomic } from '../../src/files/index.ts';
import { findPhotographs } from '../../src/quickstart/index.ts';
import { openPhoto } from '../../src/synthesis/index.ts';
import type { RgbFrame } from '../../src/video/index.ts';
import type { SetClip } from './photographs.ts';
import { LEAST_CLIPS, parts } from './photographs.ts';

/** Clips of a photograph where their number is not said. */
const CLIPS_A_PHOTOGRAPH = 8;
const [TRUTH, LOCK] = ['truth.json', 'set.lock'];

/** What every set needs. */
export interface SetOptions {
  /** Folder that is written; gone on with where it was stopped. */
  folder: string;
  /** Folder of at least five photographs that are large enough. */
  pictures: string;
  /** Number of clips, at least 10; default: eight a photograph. */
  count?: number;
  /** Fixes everything; default 0. */
  seed?: number;
  /** Told how many clips are there. */
  onProgress?: (done: number, total: number) => void;
  /** Told what in the folder of photographs is passed over. */
  onNote?: (text: string) => void;
}

/** What a set is made of. */
export interface SetPlan<C extends SetClip> {
  /** What the set is begun with besides seed, count and photographs, such as a version: changes with any formula. */
  settings: Record<string, unknown>;
  /** What is true of it, besides. */
  truth: object;
  /** Its clips. */
  clips: C[];
  /**
   * Writes a clip.
   * @param clip - the clip
   * @param photo - its photograph
   * @param pathOf - the place of a file of the set
   */
  write: (clip: C, photo: RgbFrame, pathOf: (file: string) => string) => Promise<void>;
  /** Tables by the name of their file. */
  tables: Record<string, string>;
}

/** What was written. */
export interface WrittenSet {
  /** What is true of it. */
  truth: string;
  /** Number of clips in all, and of those that were made now. */
  clips: number;
  made: number;
  /** Photographs that are used. */
  photographs: number;
  /** Clips of each part. */
  splits: Record<SetClip['split'], number>;
}

/**
 * Writes a set. The same photographs, number and seed give the same bytes on one machine.
 * @param options - folder, photographs, number of clips, seed
 * @param leastSide - of a photograph, in pixels
 * @param folders - of the set, besides `clips`
 * @param planOf - what it is made of, from the photographs' names
 * @throws UserError `bad-input` for photographs that are too few or too small, and a folder that holds something else
 */
export async function writeSet<C extends SetClip>(
  options: SetOptions,
  leastSide: number,
  folders: readonly string[],
  planOf: (photographs: readonly string[], count: number, seed: number) => SetPlan<C>,
): Promise<WrittenSet> {
  const { folder, pictures, seed = 0, onProgress = () => {}, onNote = () => {} } = options;
  const { byName, passedOver } = await findPhotographs(pictures);
  for (const line of passedOver) onNote(line);
  const { count = CLIPS_A_PHOTOGRAPH * byName.size } = options;
  if (count < LEAST_CLIPS) throw new UserError('bad-input', `count: expected at least ${LEAST_CLIPS}, got ${count}`);
  const all = [...byName.keys()].sort();
  await requireSizes([...byName.values()], leastSide);
  const hashes = await pMap(all, async (name) => [name, await sha256File(byName.get(name)!)] as const, {
    concurrency: 8,
  });
  await makeFolder(folder);
  await using lock = await acquireLock(join(folder, LOCK), folder);
  await requireOurs(folder);
  const { settings: own, truth, clips, write, tables } = planOf(all, count, seed);
  const settings = { ...own, seed, count, photographs: Object.fromEntries(hashes) };
  await requireSame(join(folder, TRUTH), settings);
  await writeFileAtomic(join(folder, TRUTH), `${JSON.stringify({ ...settings, ...truth }, null, 2)}\n`);
  for (const name of ['clips', ...folders]) await makeFolder(join(folder, name));

  const missing = clips.filter(({ file }) => !existsSync(join(folder, file)));
  let done = clips.length - missing.length;
  onProgress(done, clips.length);
  // By photograph, so that each is decoded once.
  const names = [...new Set(missing.map(({ photograph }) => photograph))];
  await pMap(
    names,
    async (name) => {
      const photo = await openPhoto(byName.get(name)!);
      for (const clip of missing.filter(({ photograph }) => photograph === name)) {
        await write(clip, photo, (file) => join(folder, file));
        onProgress(++done, clips.length);
      }
    },
    { concurrency: availableParallelism() },
  );
  await lock.requireHeld();
  for (const [name, table] of Object.entries(tables)) await writeFileAtomic(join(folder, name), table);
  const splits = Object.fromEntries(parts.map((part) => [part, clips.filter(({ split }) => split === part).length]));
  return {
    truth: join(folder, TRUTH),
    clips: clips.length,
    made: missing.length,
    photographs: new Set(clips.map(({ photograph }) => photograph)).size,
    splits: splits as WrittenSet['splits'],
  };
}

/** Photographs that are too small are named before anything is made. */
async function requireSizes(paths: readonly string[], leastSide: number): Promise<void> {
  await pMap(
    paths,
    async (path) => {
      const { width, height } = (await sharp(path).metadata()).autoOrient;
      if (Math.min(width, height) >= leastSide) return;
      const [least, got] = [`${leastSide}×${leastSide}`, `${width}×${height}`];
      throw new UserError('bad-input', `${oneLine(path)}: expected at least ${least} pixels, got ${got}`, {
        hint: 'Move it out of the folder, or take a larger version of it.',
      });
    },
    { concurrency: 8 },
  );
}

/** A folder is empty, or not there, or a set. */
async function requireOurs(folder: string): Promise<void> {
  if (existsSync(join(folder, TRUTH))) return;
  const others = (await readdir(folder)).filter((name) => name !== LOCK && !isLeftover(name));
  if (others.length === 0) return;
  throw new UserError(
    'bad-input',
    `${folder}: expected an empty folder or a set that was begun, got ${show(others[0]!)}`,
    {
      hint: 'Choose another --out.',
    },
  );
}

/** A set that was begun goes on with what it was begun with. */
async function requireSame(file: string, settings: Record<string, unknown>): Promise<void> {
  const before = (await readJson(file)) as Record<string, unknown> | undefined;
  if (before === undefined) return;
  const other = Object.keys(settings).find((key) => JSON.stringify(before[key]) !== JSON.stringify(settings[key]));
  if (other === undefined) return;
  const isShort = other !== 'photographs';
  const [expected, got] = isShort
    ? [`${show(before[other])}, with which the set was begun`, show(settings[other])]
    : ['those with which the set was begun', 'others'];
  throw new UserError('bad-input', `${file}: ${other}: expected ${expected}, got ${got}`, {
    hint: 'Say the same, or choose another --out.',
  });
}
