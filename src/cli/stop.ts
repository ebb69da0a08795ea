// Ctrl-C and SIGTERM end a command cleanly: the first one stops it where that loses nothing, the second at once.
import type { Terminal } from './terminal.ts';

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
 * Runs a command that the first signal stops: by the signal given to its work, which throws its reason and leaves nothing half done.
 * The exit status is then that signal's.
 * @param terminal - the screen of the command
 * @param message - what the first signal writes to stderr
 * @param work - the command
 */
export async function untilStopped(
  terminal: Terminal,
  message: string,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  using stop = stopOnSignals(terminal, message);
  try {
    await work(stop.signal);
  } catch (error) {
    if (!stop.signal.aborted || error !== stop.signal.reason) throw error;
    terminal.exitStatus = stop.status;
  }
}

/**
 * Listens for Ctrl-C and SIGTERM until it is disposed of.
 * @param terminal - the screen of the command
 * @param message - what the first signal writes to stderr
 */
export function stopOnSignals(terminal: Terminal, message: string): StopOnSignals {
  const stop = new AbortController();
  let status = 0;
  const onSignal = (signal: keyof typeof stoppedBy): void => {
    status = stoppedBy[signal];
    if (stop.signal.aborted) {
      terminal.clearStatus();
      process.exit(status);
    }
    terminal.tell(message);
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
