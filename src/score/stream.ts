// A stream of clips: some are prepared ahead, never more than so many, and are handed on in groups, in the order given.

/** How far a stream is ahead of its results. */
export interface StreamOptions {
  /** Items in a group. */
  group: number;
  /** Items that are prepared beyond the next group. */
  ahead: number;
  /** Stops the stream with its reason. */
  signal?: AbortSignal | undefined;
}

/** Milliseconds without a new item after which those that have come are handed on: whoever feeds a pipe by hand wants an answer. */
const PAUSE = 250;

/**
 * Prepares items ahead and hands them on in groups. However many there are, at most `2 · group + ahead` are held: the group that is
 * worked on, the next one, and some ahead.
 * @param source - the items; taken as fast as they are needed, and closed when the stream ends early
 * @param work - prepares one
 * @param options - how many at a time
 * @returns groups of `group` prepared items, in order; smaller ones at the end, and where the source pauses
 */
export async function* prepareAhead<T, R>(
  source: Iterable<T> | AsyncIterable<T>,
  work: (item: T) => Promise<R>,
  { group, ahead, signal }: StreamOptions,
): AsyncGenerator<R[], void> {
  const most = group + ahead;
  const prepared: Promise<R>[] = [];
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
        prepared.push(result);
        wake();
        while (prepared.length >= most && !state.ended) await new Promise<void>((resolve) => (room = resolve));
      }
    } catch (error) {
      state.failure = { error };
    }
    state.ended = true;
    wake();
  };
  const onAbort = (): void => wake();
  signal?.addEventListener('abort', onAbort);
  void pull();
  try {
    for (;;) {
      signal?.throwIfAborted();
      if (prepared.length < group && !state.ended && !(await isPausing())) continue;
      if (prepared.length === 0) break;
      const some = prepared.splice(0, group);
      room();
      yield await Promise.all(some);
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

  /** Waits for the next item; true when there are items and none has come for a while. */
  async function isPausing(): Promise<boolean> {
    const count = prepared.length;
    const change = changed();
    if (count === 0) return change.then(() => false);
    let timer: NodeJS.Timeout | undefined;
    const pause = new Promise<void>((resolve) => {
      // Computing holds this thread: what has come meanwhile is looked at first.
      timer = setTimeout(() => setImmediate(resolve), PAUSE);
    });
    await Promise.race([change, pause]);
    clearTimeout(timer);
    return prepared.length === count && !state.ended;
  }
}
