// Which rank computes which batch of predictions, and how many wait at a rank: the next one is there when one is done.
import { invariant } from '../../core/index.ts';
import type { SharedExample } from './examples.ts';
import type { LinkMessage } from './frames.ts';

/** Batches at a rank: one that is computed, one that comes next, and one whose answer is on its way. */
export const BATCHES_AT_RANK = 3;

/** What passes go through. */
export interface PassOptions {
  /** How many ranks there are. */
  ranks: number;
  /** Whether they hold the model together, so that all take part in every pass. */
  isSharded: boolean;
  /** Has a rank compute a batch. */
  send: (rank: number, batch: readonly SharedExample[]) => Promise<LinkMessage>;
}

interface Waiting {
  batch: readonly SharedExample[];
  resolve: (answer: LinkMessage | Promise<LinkMessage>) => void;
}

/**
 * Spreads batches over ranks. Ranks with whole models take a batch each, whoever has least to do. Ranks that hold a model together begin
 * passes together, each with another batch; one that has none computes an example of weight 0, and its answer is not read.
 * @param options - ranks
 * @returns has a batch computed; which rank does it changes nothing
 */
export function createPasses({
  ranks,
  isSharded,
  send,
}: PassOptions): (batch: readonly SharedExample[]) => Promise<LinkMessage> {
  const waiting: Waiting[] = [];
  /** Batches at each rank; those of ranks that hold a model together begin and end as one. */
  const open = Array.from({ length: isSharded ? 1 : ranks }, () => 0);

  const begin = (place: number): void => {
    const next = waiting.splice(0, isSharded ? ranks : 1);
    const sent = isSharded ? fill(next, ranks).map((batch, rank) => send(rank, batch)) : [send(place, next[0]!.batch)];
    open[place]!++;
    // Who fails to fill up has failed as the others of the pass.
    next.forEach(({ resolve }, i) => resolve(sent[i]!));
    void Promise.allSettled(sent).then(() => {
      open[place]!--;
      go();
    });
  };
  const go = (): void => {
    while (waiting.length > 0) {
      const least = Math.min(...open);
      if (least >= BATCHES_AT_RANK) return;
      begin(open.indexOf(least));
    }
  };
  return (batch) => {
    invariant(batch.length > 0, 'a batch without examples');
    return new Promise((resolve) => {
      waiting.push({ batch, resolve });
      // After those that are asked for in the same breath, so that a pass is not begun with one of them alone.
      if (waiting.length === 1) queueMicrotask(go);
    });
  };
}

/** A batch for every rank: those that there are, and for the others the shortest example with weight 0. */
function fill(some: readonly Waiting[], ranks: number): (readonly SharedExample[])[] {
  const batches = some.map(({ batch }) => batch);
  const lengthOf = ({ example }: SharedExample): number => example.rows.tokenIds.length;
  const shortest = batches.flat().reduce((best, one) => (lengthOf(one) < lengthOf(best) ? one : best));
  return Array.from({ length: ranks }, (_, rank) => batches[rank] ?? [{ ...shortest, share: 0 }]);
}
