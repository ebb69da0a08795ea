// A progress bar on stderr: redrawn in a terminal, a line every ten seconds elsewhere.
import { SingleBar } from 'cli-progress';

/** Seconds between two lines where there is no terminal. */
const LINE_SECONDS = 10;
/** Seconds before a bar is shown at all. */
const DELAY_SECONDS = 2;

/** A bar. */
export interface Progress {
  /**
   * Moves the bar.
   * @param done - how many are done
   * @param detail - what stands behind the bar; default: rate and time left
   */
  update: (done: number, detail?: string) => void;
  /** Writes a line above the bar. */
  note: (line: string) => void;
  /** Removes the bar. */
  stop: () => void;
}

/**
 * Starts a bar that shows itself after two seconds.
 * @param label - what is counted, such as `clips`
 * @param total - how many there will be
 * @param quiet - never show it
 */
export function startProgress(label: string, total: number, quiet = false): Progress {
  const started = performance.now();
  const seconds = (): number => (performance.now() - started) / 1000;
  const tty = process.stderr.isTTY;
  let bar: SingleBar | null = null;
  let lastLine = DELAY_SECONDS - LINE_SECONDS;
  let first: { done: number; at: number } | null = null;

  const left = (done: number): string => {
    first ??= { done, at: seconds() };
    const rate = (done - first.done) / (seconds() - first.at);
    return rate > 0 ? `${rate.toPrecision(3)}/s, ${formatSeconds((total - done) / rate)} left` : '';
  };
  const text = (done: number, detail: string): string => (detail === '' ? left(done) : detail);

  return {
    update: (done, detail = '') => {
      if (quiet || seconds() < DELAY_SECONDS) {
        first ??= { done, at: seconds() };
        return;
      }
      const behind = text(done, detail);
      if (!tty) {
        if (seconds() - lastLine < LINE_SECONDS && done < total) return;
        lastLine = seconds();
        process.stderr.write(`${label} ${done}/${total}${behind === '' ? '' : `  ${behind}`}\n`);
        return;
      }
      if (bar === null) {
        bar = new SingleBar({
          format: `${label} {bar} {value}/{total}  {detail}`,
          barsize: 24,
          barCompleteChar: '█',
          barIncompleteChar: '░',
          hideCursor: true,
          clearOnComplete: true,
          linewrap: false,
        });
        bar.start(total, done, { detail: behind });
      }
      bar.update(done, { detail: behind });
    },
    note: (line) => {
      if (bar !== null) process.stderr.write('\r\u001B[K');
      process.stderr.write(`${line}\n`);
    },
    stop: () => {
      bar?.stop();
      bar = null;
    },
  };
}

/**
 * A duration as people say it.
 * @param seconds - at least 0
 * @returns such as `12 s`, `3 min 20 s`, `2 h 05 min`
 */
export function formatSeconds(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${String(whole % 60).padStart(2, '0')} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}
