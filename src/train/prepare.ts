// Reads every clip of a run once, before anything trains: bad ones are known, features are there, the frame plan is written.
import { join } from 'node:path';
import { pMapIterable } from 'p-map';
import { UserError, commandLine, formatSize, show } from '../core/index.ts';
import { readJsonLines, writeFileAtomic } from '../files/index.ts';
import type { PreparedClip } from '../inputs/index.ts';
import { NoteCounter } from '../media/index.ts';
import type { FramePlan } from '../video/index.ts';
import type { ClipStore } from './clip-store.ts';
import { MAX_BYTES, sizeBytes } from './clip-store.ts';
import type { RunData, RatedRow } from './data.ts';
import type { TrainEvent } from './events.ts';

/** A line of plan.jsonl. */
interface PlanLine extends FramePlan {
  id: string;
}

/**
 * Reads all clips, tells how far it is, and drops bad ones from the data where the recipe allows it.
 * @param data - the rows; bad ones are removed
 * @param store - reads the clips
 * @param out - the run folder; gets plan.jsonl, or has one that must agree
 * @param options - what may be bad, how many are read at once, what the cache may take in bytes, what refuses a clip that is too
 *   large, when to stop
 * @returns tokens of each clip's question, by the row's id
 * @throws UserError `unreadable-media` that lists the bad clips, when there are more than `maxBadFraction`
 */
export async function* prepareClips(
  data: RunData,
  store: ClipStore,
  out: string,
  options: {
    maxBadFraction: number;
    concurrency: number;
    cacheBytes: number;
    requireMemory?: (clip: PreparedClip, isTrained: boolean) => Promise<void>;
    signal?: AbortSignal | undefined;
  },
): AsyncGenerator<TrainEvent, ReadonlyMap<string, number>> {
  const rows = [...data.train, ...data.validation];
  const trained = new Set(data.train);
  const bad = new Map<string, string>();
  const plans: PlanLine[] = [];
  const pixels = new NoteCounter();
  const lengths = new Map<string, number>();
  let numCached = 0;
  let totalBytes = 0;
  const read = async (row: RatedRow): Promise<{ id: string; plan: FramePlan } | { id: string; reason: string }> => {
    try {
      const clip = await store.get(row, options.signal);
      await options.requireMemory?.(clip, trained.has(row));
      const { plan, prompt, cached } = clip;
      if (cached) numCached++;
      totalBytes += sizeBytes(clip);
      lengths.set(row.id, prompt.tokenIds.length);
      return { id: row.id, plan };
    } catch (error) {
      // Features that are not finite are the model's fault, not the clip's.
      if (!(error instanceof UserError) || error.code === 'non-finite') throw error;
      return { id: row.id, reason: error.message };
    }
  };
  const limit = { concurrency: options.concurrency };
  for await (const result of pMapIterable(rows, read, limit)) {
    options.signal?.throwIfAborted();
    if ('plan' in result) {
      plans.push({ id: result.id, ...result.plan });
      pixels.add(result.plan.notes);
    } else {
      bad.set(result.id, result.reason);
      yield { type: 'bad-clip', id: result.id, reason: result.reason };
    }
    yield { type: 'prepared', done: plans.length + bad.size, cached: numCached, total: rows.length };
  }
  refuseBad(bad, rows.length, options.maxBadFraction);
  const good = (row: RatedRow): boolean => !bad.has(row.id);
  data.train = data.train.filter(good);
  data.validation = data.validation.filter(good);
  for (const text of pixels.lines()) yield { type: 'note', text };
  await writePlan(join(out, 'plan.jsonl'), plans);
  // The cache makes room for an eighth of its limit ahead of time.
  if (totalBytes > MAX_BYTES + (7 / 8) * options.cacheBytes) yield { type: 'note', text: tooMuch(totalBytes, options) };
  return lengths;
}

function tooMuch(totalBytes: number, { cacheBytes }: { cacheBytes: number }): string {
  return (
    `the clips take ${formatSize(totalBytes)}, of which ${formatSize(MAX_BYTES)} stay in memory and ${formatSize(cacheBytes)} in the ` +
    `cache: the others are read and computed again in every epoch (${commandLine('cache limit SIZE')} makes the cache larger)`
  );
}

function refuseBad(bad: ReadonlyMap<string, string>, total: number, maxBadFraction: number): void {
  if (bad.size <= maxBadFraction * total && bad.size < total) return;
  const reasons = [...bad.values()];
  const more = reasons.length > 20 ? `\n… and ${reasons.length - 20} more` : '';
  const allowed = Math.floor(maxBadFraction * total);
  throw new UserError(
    'unreadable-media',
    `clips: expected at most ${allowed} bad ones of ${total}, got ${bad.size}:\n${reasons.slice(0, 20).join('\n')}${more}`,
    { hint: 'Mend or remove them, or set data.maxBadFraction to go on without them.' },
  );
}

/** Writes the plan, or checks that a resumed run sees the pixels that it began with. */
async function writePlan(path: string, plans: readonly PlanLine[]): Promise<void> {
  const before = (await readJsonLines(path)) as PlanLine[];
  if (before.length === 0) {
    await writeFileAtomic(path, plans.map((plan) => `${JSON.stringify(plan)}\n`).join(''));
    return;
  }
  const hashes = new Map(before.map(({ id, sha256 }) => [id, sha256]));
  const changed = plans.filter(({ id, sha256 }) => hashes.get(id) !== sha256);
  if (changed.length === 0 && plans.length === before.length) return;
  const got =
    changed.length > 0
      ? `other ones for ${changed
          .map(({ id }) => show(id))
          .slice(0, 5)
          .join(', ')}`
      : 'fewer';
  throw new UserError('bad-input', `${path}: expected the pixels that the run began with, got ${got}`, {
    hint: 'The clips have changed since: start a new run.',
  });
}
