// A stream of clips through one or more models: each clip is looked at once for all that look alike, and predicted by each.
import { UserError, invariant } from '../core/index.ts';
import { DEFAULT_BATCH } from '../engine/index.ts';
import type { FramePlan } from '../video/index.ts';
import type { Clip, ClipViewer, ViewedClip } from '../inputs/index.ts';
import { withClipFile, withClipName } from '../inputs/index.ts';
import type { Prediction } from './prediction.ts';
import type { Predictor, PromptedClip } from './predictor.ts';
import type { FailedClip, RejectedClip, ScoreListOptions } from './score-stream.ts';
import { rowsOfGroup } from './score-stream.ts';
import { mapAhead, prepareAhead } from './stream.ts';

/** What was looked at of a clip. */
export interface SeenFrames {
  /** Which frames were looked at. */
  plan: FramePlan;
  /** Whether its vision features came from the cache. */
  cached: boolean;
}

/** What a model says of a clip. */
export interface ClipPrediction extends Prediction, SeenFrames {}

/** A clip with what every model says of it. */
export interface AskedClip<Said> {
  /** The clip, as it was given. */
  clip: Clip;
  /** Its row in the list, from 1. */
  row: number;
  /** What they say, in the order of the models. */
  predictions: (Said & SeenFrames)[];
}

/**
 * Asks a model about clips.
 * @param predictor - the model
 * @param clips - with their rows in the list, from 1
 * @param batchSize - most clips of a batch
 * @returns for each clip what the model says, or why it says nothing
 */
export type Ask<Said> = (
  predictor: Predictor,
  clips: readonly (PromptedClip & { row: number })[],
  batchSize: number,
) => Promise<(Said | UserError)[]>;

/** How a stream is run. */
export interface PredictClipsOptions extends ScoreListOptions {
  /** Most clips read by one run of the graph; default 4, fewer where they are long. The scores do not depend on it. */
  batchSize?: number;
  /** Processes that decode clips; default 2. */
  workers?: number;
  /** Stops the stream with its reason. */
  signal?: AbortSignal | undefined;
}

/**
 * Predicts clips in order, as {@link askClips}.
 * @param predictors - at least one model
 * @param clips - the clips, and rows that are known to fail
 * @param options - batches
 */
export function predictClips(
  predictors: readonly Predictor[],
  clips: Iterable<Clip | RejectedClip> | AsyncIterable<Clip | RejectedClip>,
  options: PredictClipsOptions,
): AsyncGenerator<AskedClip<Prediction> | FailedClip, void> {
  const atOnce = Math.min(...predictors.map(({ predictsAhead }) => predictsAhead));
  const ask: Ask<Prediction> = (predictor, some, size) => predictor.predict(some, size);
  return askClips<Prediction>(predictors, clips, ask, options, atOnce);
}

/**
 * Reads clips in order, and asks about them. One that cannot be read gives its error, and the next ones go on.
 * @param predictors - at least one model
 * @param clips - the clips, and rows that are known to fail, which come out in their place; taken as they are needed, ahead of
 *   their results
 * @param ask - what each model is asked
 * @param options - batches
 * @param atOnce - most groups that models are asked about at a time
 * @returns one result a clip, in the order given
 */
export async function* askClips<Said>(
  predictors: readonly Predictor[],
  clips: Iterable<Clip | RejectedClip> | AsyncIterable<Clip | RejectedClip>,
  ask: Ask<Said>,
  options: PredictClipsOptions,
  atOnce = 1,
): AsyncGenerator<AskedClip<Said> | FailedClip, void> {
  const { batchSize = DEFAULT_BATCH, workers = 2, inGroups = !(Symbol.asyncIterator in clips), signal } = options;
  const viewers = [...new Set(predictors.map(({ viewer }) => viewer))];

  const prepare = async ({ row, item }: Numbered): Promise<Prepared | FailedClip> => {
    if ('error' in item) return { ...item, row };
    const clip = item;
    try {
      const seen = await withClipFile(clip, (file) => Promise.all(viewers.map((viewer) => viewer.view(file, signal))));
      if (clip.data !== undefined) for (const { plan } of seen) plan.path = clip.path;
      const views = new Map<ClipViewer, ViewedClip>(viewers.map((viewer, i) => [viewer, seen[i]!]));
      return {
        clip,
        row,
        prompted: predictors.map((predictor) => predictor.prompt(views.get(predictor.viewer)!, clip)),
      };
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      return { clip, row, error: error.code === 'non-finite' ? withClipName(clip, error) : error };
    }
  };

  const size = inGroups ? rowsOfGroup(batchSize) : 1;
  const groupOf = ({ row }: Numbered): number => Math.ceil(row / size);
  // A source that is still waited for when the stream ends early is closed, too.
  const ended = new AbortController();
  const ahead = {
    group: size,
    ahead: rowsOfGroup(batchSize) - size + 2 * workers,
    endsGroup: (one: Numbered, next?: Numbered) =>
      one.row % size === 0 || (next !== undefined && groupOf(one) !== groupOf(next)),
    signal: signal === undefined ? ended.signal : AbortSignal.any([signal, ended.signal]),
  };
  const askGroup = async (group: readonly (Prepared | FailedClip)[]): Promise<(AskedClip<Said> | FailedClip)[]> => {
    const results: (AskedClip<Said> | FailedClip)[] = group.map((item) =>
      'error' in item ? item : { clip: item.clip, row: item.row, predictions: [] },
    );
    for (const [m, predictor] of predictors.entries()) {
      signal?.throwIfAborted();
      const open = results.flatMap((result, i) => ('error' in result ? [] : [i]));
      const prompted = open.map((i) => ({ ...(group[i] as Prepared).prompted[m]!, row: group[i]!.row }));
      const found = await ask(predictor, prompted, batchSize);
      for (const [n, i] of open.entries()) {
        const { clip, row, predictions } = results[i] as AskedClip<Said>;
        const prediction = found[n]!;
        if (prediction instanceof UserError) results[i] = { clip, row, error: withClipName(clip, prediction) };
        else predictions.push({ ...prediction, plan: prompted[n]!.plan, cached: prompted[n]!.cached });
      }
    }
    return results;
  };
  try {
    for await (const results of mapAhead(prepareAhead(numbered(clips), prepare, ahead), askGroup, atOnce)) {
      for (const result of results) {
        signal?.throwIfAborted();
        yield result;
      }
    }
  } finally {
    ended.abort();
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
  /** The clip as each predictor takes it. */
  prompted: PromptedClip[];
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
