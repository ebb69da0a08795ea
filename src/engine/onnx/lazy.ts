// A session that is opened when it is first needed.

/** Something whose memory can be freed for a time. */
export interface Unloadable extends AsyncDisposable {
  /** Frees its memory; the next use opens it again. Not while it runs. */
  unload: () => Promise<void>;
}

/** Something that is opened when it is first asked for. */
export interface Lazy<T extends Unloadable> extends Unloadable {
  /** Opens it, unless that has been begun. */
  get: () => Promise<T>;
}

/**
 * Makes something lazy.
 * @param open - opens it
 */
export function lazily<T extends Unloadable>(open: () => Promise<T>): Lazy<T> {
  let opened: Promise<T> | undefined;
  return {
    get: () => (opened ??= open()),
    unload: async () => {
      await (await opened)?.unload();
    },
    [Symbol.asyncDispose]: async () => {
      await (await opened)?.[Symbol.asyncDispose]();
    },
  };
}
