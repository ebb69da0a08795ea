// Ctrl-C and SIGTERM end a command cleanly: the first one stops it where that loses nothing, the second at once.

/** Exit statuses of a command that was stopped, as shells give them: 128 and the signal's number. */
const stoppedBy = { SIGINT: 130, SIGTERM: 143 } as const;

/** A command that signals stop. */
export interface StopOnSignals extends Disposable {
  /** Aborted by the first signal. */
  readonly signal: AbortSignal;
  /** Exit status of the signal that came; 0 before. */
  readonly status: number;
}

/**
 * Listens for Ctrl-C and SIGTERM until it is disposed of.
 * @param message - what the first signal writes to stderr
 */
export function stopOnSignals(message: string): StopOnSignals {
  const stop = new AbortController();
  let status = 0;
  const onSignal = (signal: keyof typeof stoppedBy): void => {
    status = stoppedBy[signal];
    if (stop.signal.aborted) process.exit(status);
    process.stderr.write(`${message}\n`);
    stop.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return {
    signal: stop.signal,
    get status() {
      return status;
    },
    [Symbol.dispose]() {
      process.off('SIGINT', onSignal);
      process.off('SIGTERM', onSignal);
    },
  };
}
