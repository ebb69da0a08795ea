// Many waits on one AbortSignal, with one listener: Node warns from the eleventh on.

interface Waits {
  stops: Set<() => void>;
  listener: () => void;
}

const waitsOf = new WeakMap<AbortSignal, Waits>();

/**
 * Calls back when a signal aborts.
 * @param signal - the signal; one that aborted already, or none, is never heard of
 * @param stop - called once
 * @returns ends the wait
 */
export function onAbort(signal: AbortSignal | undefined, stop: () => void): () => void {
  if (signal === undefined) return () => {};
  let waits = waitsOf.get(signal);
  if (waits === undefined) {
    const stops = new Set<() => void>();
    const listener = (): void => {
      waitsOf.delete(signal);
      for (const call of stops) call();
    };
    waits = { stops, listener };
    waitsOf.set(signal, waits);
    signal.addEventListener('abort', listener, { once: true });
  }
  const { stops, listener } = waits;
  stops.add(stop);
  return () => {
    stops.delete(stop);
    if (stops.size > 0 || waitsOf.get(signal)?.stops !== stops) return;
    waitsOf.delete(signal);
    signal.removeEventListener('abort', listener);
  };
}
