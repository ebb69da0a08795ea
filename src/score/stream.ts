// A stream of clips: some are prepared ahead, never more than so many, and are handed on in groups, in the order given.

/** How far a stream is ahead of its results. */
export interface StreamOptions<T> {
  /** Most items in a group. */
  group: number;
  /** Items that are prepared beyond the next group. */
  ahead: number;
  /**
   * Whether a group ends with an item; default: with its last possible one. What stands in one group must never depend on how fast
   * items come, or scores would differ in their last bits from run to run.
   * @param item - an item
   * @param next - the one after it; undefined when it has not come yet
   */
  endsGroup?: (item: T, next: T | undefined) => boolean;
  /** Stops the stream with its reason. */
  signal?: AbortSignal | undefined;
}

/**
 * Prepares items ahead and hands them on in groups. However many there are, at most `2 · group + ahead` are held: the group that is
 * worked on, the next one, and some ahead.
 * @param source - the items; taken as fast as they are needed, and closed when the stream ends early
 * @param work - prepares one
 * @param options - how many at a time
 * @returns groups of prepared items, in order; the last one ends with the source
 */
export async function* prepareAhead<T, R>(
  source: Iterable<T> | AsyncIterable<T>,
  work: (item: T) => Promise<R>,
  { group, ahead, endsGroup = () => false, signal }: StreamOptions<T>,
): AsyncGenerator<R[], void> {
  const most = group + ahead;
  const prepared: { item: T; result: Promise<R> }[] = [];
  const state: { ended: boolean; failure: { error: unknown } | null } = { ended: false, failure: null };
  let wake = (): void => {};
  const changed = (): Promise<void> => new Promise((resolve) => (wake = resolve));
  let room = (): void => {};

  const items = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  const pull = async (): Promise<void> => {
    try {
      for (;;) {
        const next = await items.next();
        if (next.done === true || state.ended) break; // ended meanwhile: nobody wants it
        const result = work(next.value);
        result.catch(() => {}); // it is met when its turn comes
        prepared.push({ item: next.value, result });
        wake();
        while (prepared.length >= most && !state.ended) await new Promise<void>((resolve) => (room = resolve));
      }
    } catch (error) {
      state.failure = { error };
    }
    state.ended = true;
    wake();
  };
  /** Items of the next group; 0 when it is not known to be whole. */
  const numReady = (): number => {
    for (let i = 0; i < prepared.length; i++) {
      if (i + 1 === group || endsGroup(prepared[i]!.item, prepared[i + 1]?.item)) return i + 1;
    }
    return state.ended ? prepared.length : 0;
  };
  const onAbort = (): void => wake();
  signal?.addEventListener('abort', onAbort);
  void pull();
  try {
    for (;;) {
      signal?.throwIfAborted();
      const count = numReady();
      if (count > 0) {
        const some = prepared.splice(0, count);
        room();
        yield await Promise.all(some.map(({ result }) => result));
      } else if (state.ended) break;
      else await changed();
    }
    if (state.failure !== null) throw state.failure.error;
  } finally {
    signal?.removeEventListener('abort', onAbort);
    if (!state.ended) {
      state.ended = true;
      room();
      void Promise.resolve(items.return?.()).catch(() => {}); // not waited for: a pipe may stay silent for ever
    }
  }
}
