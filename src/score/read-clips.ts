// A stream of clips through one or more models: each clip is looked at once for all that look alike, and asked about by each.
import { UserError } from '../core/index.ts';
import type { FramePlan } from '../video/index.ts';
import { ofClip } from './ask.ts';
import { withClipFile } from './clip-data.ts';
import type { EncodedClip } from './clip-encoder.ts';
import type { Clip, ClipViewer, ViewedClip } from './clip-viewer.ts';
import type { Member } from './member.ts';
import { DEFAULT_BATCH } from './read-group.ts';
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
  /** What was read, in the order of the models. */
  readings: ClipReading[];
}

/** A clip that could not be scored. */
export interface FailedClip {
  /** The clip, as it was given. */
  clip: Clip;
  /** Why. */
  error: UserError;
}

/** How a stream is run. */
export interface ReadClipsOptions {
  /** Most clips read by one run of the graph; default 4, fewer where they are long. The scores do not depend on it. */
  batchSize?: number;
  /** Processes that decode clips; default 2. */
  workers?: number;
  /** Stops the stream with its reason. */
  signal?: AbortSignal | undefined;
}

/**
 * Reads clips in order. One that cannot be read gives its error, and the next ones go on.
 * @param members - at least one model
 * @param clips - the clips; taken as they are needed, ahead of their results
 * @param options - batches
 * @returns one result a clip, in the order given
 */
export async function* readClips(
  members: readonly Member[],
  clips: Iterable<Clip> | AsyncIterable<Clip>,
  { batchSize = DEFAULT_BATCH, workers = 2, signal }: ReadClipsOptions,
): AsyncGenerator<ReadClip | FailedClip, void> {
  const viewers = [...new Set(members.map(({ viewer }) => viewer))];

  const prepare = async (clip: Clip): Promise<Prepared | FailedClip> => {
    try {
      const seen = await withClipFile(clip, (file) => Promise.all(viewers.map((viewer) => viewer.view(file, signal))));
      if (clip.data !== undefined) for (const { plan } of seen) plan.path = clip.path;
      const views = new Map<ClipViewer, ViewedClip>(viewers.map((viewer, i) => [viewer, seen[i]!]));
      return { clip, encoded: members.map((member) => member.ask(views.get(member.viewer)!, clip)) };
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      return { clip, error: error.code === 'non-finite' ? ofClip(clip, error) : error };
    }
  };

  const ahead = { group: 2 * batchSize, ahead: 2 * workers, signal };
  for await (const group of prepareAhead(clips, prepare, ahead)) {
    const results: (ReadClip | FailedClip)[] = group.map((item) =>
      'error' in item ? item : { clip: item.clip, readings: [] },
    );
    for (const [m, { reader }] of members.entries()) {
      signal?.throwIfAborted();
      const open = results.flatMap((result, i) => ('error' in result ? [] : [i]));
      const encoded = open.map((i) => (group[i] as Prepared).encoded[m]!);
      const readings = await reader.read(encoded, batchSize);
      for (const [n, i] of open.entries()) {
        const { clip, readings: before } = results[i] as ReadClip;
        const reading = readings[n]!;
        if (reading instanceof UserError) results[i] = { clip, error: ofClip(clip, reading) };
        else before.push({ ...reading, plan: encoded[n]!.plan, cached: encoded[n]!.cached });
      }
    }
    for (const result of results) {
      signal?.throwIfAborted();
      yield result;
    }
  }
}

interface Prepared {
  clip: Clip;
  /** The clip as each member is asked about it. */
  encoded: EncodedClip[];
}
