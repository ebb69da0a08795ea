// Owns things that must be disposed of together: the last one first, all of them even when one fails.

/** What was taken over by {@link createDisposer}. */
export interface Disposer {
  /**
   * Takes something over.
   * @param resource - freed with the disposer
   * @returns the same
   */
  own: <T extends AsyncDisposable>(resource: T) => T;
  /** Frees everything, the last one first. Later calls do nothing. */
  [Symbol.asyncDispose]: () => Promise<void>;
}

/**
 * Makes an owner of nothing yet. (Node 20 has no `AsyncDisposableStack`.)
 */
export function createDisposer(): Disposer {
  const owned: AsyncDisposable[] = [];
  return {
    own: (resource) => {
      owned.push(resource);
      return resource;
    },
    [Symbol.asyncDispose]: async () => {
      const errors: unknown[] = [];
      for (let resource = owned.pop(); resource !== undefined; resource = owned.pop()) {
        try {
          await resource[Symbol.asyncDispose]();
        } catch (error) {
          errors.push(error);
        }
      }
      if (errors.length > 0) throw errors[0];
    },
  };
}
