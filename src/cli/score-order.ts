// Results and bad rows in the order of the input, though clips are scored in batches and bad rows are not scored at all.
import type { ClipScore, FailedClip } from '../score/index.ts';
import type { EnsembleScore } from '../study/index.ts';
import type { BadRow, NamedClip } from './inputs.ts';

/** What comes of a clip or a row. */
export type ScoredItem = ClipScore | EnsembleScore | FailedClip | BadRow;

/** Scores clips in order, as `Scorer.score` and `Ensemble.score` do. */
export type ScoreStream = (
  clips: AsyncIterable<NamedClip>,
) => AsyncIterable<ClipScore | EnsembleScore | FailedClip, void>;

/** Bad rows that wait for the clips before them; at so many, these are scored before more is read. */
const MOST_WAITING = 1000;

/**
 * Scores clips and passes bad rows through.
 * @param score - scores the clips
 * @param items - clips and bad rows
 * @returns what comes of each, in the order of the items
 */
export async function* scoreInOrder(
  score: ScoreStream,
  items: AsyncIterable<NamedClip | BadRow>,
): AsyncGenerator<ScoredItem, void> {
  const waiting: { row: BadRow; numBefore: number }[] = [];
  let numTaken = 0;
  let numScored = 0;
  const state = { isEnd: false };
  const source = items[Symbol.asyncIterator]();
  const clips = async function* (): AsyncGenerator<NamedClip, void> {
    while (waiting.length < MOST_WAITING) {
      const next = await source.next();
      if (next.done === true) {
        state.isEnd = true;
        return;
      }
      if ('reason' in next.value) {
        waiting.push({ row: next.value, numBefore: numTaken });
        continue;
      }
      numTaken++;
      yield next.value;
    }
  };
  const due = function* (): Generator<BadRow, void> {
    let count = 0;
    while (count < waiting.length && waiting[count]!.numBefore <= numScored) count++;
    for (const { row } of waiting.splice(0, count)) yield row;
  };
  while (!state.isEnd) {
    for await (const result of score(clips())) {
      yield* due();
      numScored++;
      yield result;
    }
    yield* due();
  }
}
