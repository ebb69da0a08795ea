// A stream of clips through one or more models: each clip is looked at once for all that look alike, and asked about by each.
import { UserError, invariant } from '../core/index.ts';
import type { FramePlan } from '../video/index.ts';
import { ofClip } from './ask.ts';
import { withClipFile } from './clip-data.ts';
import type { Clip, ClipViewer, ViewedClip } from './clip-viewer.ts';
import type { AskedClip, Member } from './member.ts';
import { DEFAULT_BATCH, rowsOfGroup } from './read-group.ts';
import type { Reading } from './readout.ts';
import { prepareAhead } from './stream.ts';

/** What a model read of a clip. */
export interface ClipReading extends Reading {
  /** Which frames were looked at. */
  plan: FramePlan;
  /** Whether its vision features came from the cache. */
  cached: boolean;
}

/** A clip that every model read. */
export interface ReadClip {
  /** The clip, as it was given. */
  clip: Clip;
  /** Its row in the list, from 1. */
  row: number;
  /** What was read, in the order of the models. */
  readings: ClipReading[];
}

/** A row of a list that is known to have no score before it is looked at. */
export interface RejectedClip {
  /** What is known of the clip. */
  clip: Clip;
  /** Why it cannot be scored. */
  error: UserError;
}

/** A clip that could not be scored. */
export interface FailedClip extends RejectedClip {
  /** Its row in the list, from 1. */
  row: number;
}

/** How a stream is run. */
export interface ReadClipsOptions {
  /** Most clips read by one run of the graph; default 4, fewer where they are long. The scores do not depend on it. */
  batchSize?: number;
  /** Processes that decode clips; default 2. */
  workers?: number;
  /**
   * Whether clips are read in groups of `2 · batchSize` rows, which is faster. Groups follow from the rows alone, so that scores have
   * the same bits however fast clips come; so a group waits for all of its clips. Default: for an array or another source that is
   * not async. One that is async may wait for the score of a clip before it gives the next: each is read by itself.
   */
  inGroups?: boolean | undefined;
  /** Stops the stream with its reason. */
  signal?: AbortSignal | undefined;
}

/**
 * Reads clips in order. One that cannot be read gives its error, and the next ones go on.
 * @param members - at least one model
 * @param clips - the clips, and rows that are known to fail, which come out in their place; taken as they are needed, ahead of
 *   their results
 * @param options - batches
 * @returns one result a clip, in the order given
 */
export async function* readClips(
  members: readonly Member[],
  clips: Iterable<Clip | RejectedClip> | AsyncIterable<Clip | RejectedClip>,
  options: ReadClipsOptions,
): AsyncGenerator<ReadClip | FailedClip, void> {
  const { batchSize = DEFAULT_BATCH, workers = 2, inGroups = !(Symbol.asyncIterator in clips), signal } = options;
  const viewers = [...new Set(members.map(({ viewer }) => viewer))];

  const prepare = async ({ row, item }: Numbered): Promise<Prepared | FailedClip> => {
    if ('error' in item) return { ...item, row };
    const clip = item;
    try {
      const seen = await withClipFile(clip, (file) => Promise.all(viewers.map((viewer) => viewer.view(file, signal))));
      if (clip.data !== undefined) for (const { plan } of seen) plan.path = clip.path;
      const views = new Map<ClipViewer, ViewedClip>(viewers.map((viewer, i) => [viewer, seen[i]!]));
      return { clip, row, asked: members.map((member) => member.ask(views.get(member.viewer)!, clip)) };
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      return { clip, row, error: error.code === 'non-finite' ? ofClip(clip, error) : error };
    }
  };

  const size = inGroups ? rowsOfGroup(batchSize) : 1;
  const groupOf = ({ row }: Numbered): number => Math.ceil(row / size);
  const ahead = {
    group: size,
    ahead: rowsOfGroup(batchSize) - size + 2 * workers,
    endsGroup: (one: Numbered, next?: Numbered) =>
      one.row % size === 0 || (next !== undefined && groupOf(one) !== groupOf(next)),
    signal,
  };
  for await (const group of prepareAhead(numbered(clips), prepare, ahead)) {
    const results: (ReadClip | FailedClip)[] = group.map((item) =>
      'error' in item ? item : { clip: item.clip, row: item.row, readings: [] },
    );
    for (const [m, { reader }] of members.entries()) {
      signal?.throwIfAborted();
      const open = results.flatMap((result, i) => ('error' in result ? [] : [i]));
      const asked = open.map((i) => ({ ...(group[i] as Prepared).asked[m]!, row: group[i]!.row }));
      const readings = await reader.read(asked, batchSize);
      for (const [n, i] of open.entries()) {
        const { clip, row, readings: before } = results[i] as ReadClip;
        const reading = readings[n]!;
        if (reading instanceof UserError) results[i] = { clip, row, error: ofClip(clip, reading) };
        else before.push({ ...reading, plan: asked[n]!.plan, cached: asked[n]!.cached });
      }
    }
    for (const result of results) {
      signal?.throwIfAborted();
      yield result;
    }
  }
}

/** A clip with its row. */
interface Numbered {
  row: number;
  item: Clip | RejectedClip;
}

interface Prepared {
  clip: Clip;
  row: number;
  /** The clip as each member is asked about it. */
  asked: AskedClip[];
}

/** Clips with their rows; as its source, it is async or not. */
function numbered(clips: Iterable<Clip | RejectedClip> | AsyncIterable<Clip | RejectedClip>): AsyncIterable<Numbered> {
  return {
    [Symbol.asyncIterator]: async function* () {
      let last = 0;
      for await (const item of clips) {
        const row: number = ('error' in item ? item.clip : item).row ?? last + 1;
        invariant(Number.isInteger(row) && row > last, `rows of clips: expected one above ${last}, got ${row}`);
        last = row;
        yield { row, item };
      }
    },
  };
}
