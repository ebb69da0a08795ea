// Made `files/` and their scores once, by the version before the redesign: npx tsx test/golden/write-files.ts. Not to be run again: what
// later versions write is not what this folder is there to show.
import { cp, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createEnsemble, loadEnsemble, train } from '../../src/index.ts';
import { finishedCase, fullCase, interruptedCase, recipeOf } from './cases.ts';
import type { GoldenCase } from './cases.ts';
import { writeGoldens } from './compare.ts';
import type { Identities } from './fixtures.ts';
import { CLIP_FOLDER, ROOT, pointersToText, replaceInFiles } from './fixtures.ts';
import { copyFolder } from './make.ts';
import { clipList, collectScores, furnish, here, measureRun, runToEnd, scoreWith, scoring } from './measure.ts';

process.env['IOVQA_CACHE'] = 'off';
const root = await mkdtemp(join(tmpdir(), 'iovqa-golden-'));
const at = (...names: string[]): string => join(root, 'files', ...names);
const run = (name: string): string => join(root, 'runs', name);
const withSeed = (seed: number): GoldenCase => ({ name: `member-${seed}`, changes: { seed, microBatch: 4 } });
try {
  await furnish(root);
  await mkdir(at());

  const finished = await measureRun(run('finished'), await runToEnd(recipeOf(root, finishedCase)));
  await copyFolder(run('finished'), at('finished'));

  const stop = new AbortController();
  for await (const event of train(recipeOf(root, interruptedCase), { signal: stop.signal })) {
    if (event.type === 'step' && event.step === 3) stop.abort();
  }
  await copyFolder(run('interrupted'), at('interrupted'));

  const withoutState = async (from: string, to: string): Promise<void> => {
    await copyFolder(join(run(from), 'checkpoints', 'step-4'), at(to));
    for (const name of ['optimizer.safetensors', 'state.json']) await rm(at(to, name));
  };
  await runToEnd(recipeOf(root, fullCase));
  await withoutState('whole', 'whole');
  for (const seed of [41, 42, 43]) {
    await runToEnd(recipeOf(root, withSeed(seed)));
    await withoutState(`member-${seed}`, `adapter-${seed}`);
  }
  const members = [41, 42, 43].map((seed, i) => ({ path: at(`adapter-${seed}`), weight: i + 1 }));
  await createEnsemble(at('ensemble'), members, scoring);

  const clips = await clipList(join(root, 'media'));
  const scores: Record<string, unknown> = { 'tensors of finished': finished.tensors };
  for (const name of ['finished', 'adapter-41', 'whole']) {
    scores[name] = (await scoreWith(at(name), clips, { cache: false })).scores;
  }
  await using ensemble = await loadEnsemble(at('ensemble'), { ...scoring, cache: false });
  scores['ensemble'] = (await collectScores(ensemble.score(clips))).scores;

  await cp(here('media'), CLIP_FOLDER, { recursive: true });
  await sleep(3000); // plans of files that were just written are not kept
  const cached = await clipList(CLIP_FOLDER);
  scores['cached'] = (await scoreWith(at('adapter-41'), cached, { cache: at('cache') })).scores;
  const warm = await scoreWith(at('adapter-41'), cached, { cache: at('cache') });
  if (warm.numCached !== cached.length) throw new Error(`expected all clips in the cache, got ${warm.numCached}`);
  const identities: Identities = {};
  for (const { path } of cached) {
    const { ino, size, mtimeNs, ctimeNs, mtimeMs, ctimeMs } = await stat(path, { bigint: true });
    const known = { ino, size, mtimeNs, ctimeNs, mtimeMs, ctimeMs };
    identities[path] = Object.fromEntries(
      Object.entries(known).map(([key, value]) => [key, String(value)]),
    ) as Identities[string];
  }
  await writeFile(at('identities.json'), `${JSON.stringify(identities, null, 1)}\n`);

  await replaceInFiles(at(), root, ROOT);
  await replaceInFiles(at(), `${ROOT}/runs/`, `${ROOT}/files/`);
  await pointersToText(at());
  await rm(here('files'), { recursive: true, force: true });
  await copyFolder(at(), here('files'));
  await writeGoldens('files', scores);
} finally {
  await rm(root, { recursive: true });
  await rm(CLIP_FOLDER, { recursive: true, force: true });
}
