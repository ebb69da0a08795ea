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

/**
 * Does work on items, some at a time. A result comes out when it is there, also where the next item is long in coming.
 * @param source - the items; closed when the stream ends early, once it has given what it was asked for
 * @param work - is begun in order
 * @param atOnce - most items that are worked on; with 1 an item is asked for when the one before is done
 * @returns results, in order
 */
export async function* mapAhead<T, R>(
  source: AsyncGenerator<T, void>,
  work: (item: T) => Promise<R>,
  atOnce: number,
): AsyncGenerator<R, void> {
  const open: Promise<R>[] = [];
  let coming: Promise<IteratorResult<T, void>> | null = null;
  let hasEnded = false;
  try {
    while (!hasEnded || open.length > 0) {
      if (!hasEnded && open.length < atOnce && coming === null) {
        coming = source.next();
        coming.catch(() => {}); // it is met when its turn comes
      }
      const [first] = open;
      const isDone = first?.then(() => true);
      const isNext = open.length < atOnce && coming !== null ? coming.then(() => false) : undefined;
      if (await Promise.race([isDone, isNext].filter((one) => one !== undefined))) {
        void open.shift();
        yield await first!;
        continue;
      }
      const { value, done } = await coming!;
      coming = null;
      if (done === true) hasEnded = true;
      else {
        const result = work(value);
        result.catch(() => {}); // so is this
        open.push(result);
      }
    }
  } finally {
    // Not waited for where it is still asked for an item: its own source may be silent for ever.
    const closed = source.return();
    if (coming === null) await closed;
    else void closed.catch(() => {});
  }
}
