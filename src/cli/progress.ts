// A progress bar on stderr: redrawn in a terminal, a line every ten seconds elsewhere.
import type { Terminal } from './terminal.ts';

/** Seconds between two lines where there is no terminal. */
const LINE_SECONDS = 10;
/** Seconds before a bar is shown at all, where `IOVQA_PROGRESS_DELAY` names no others: tests of the screen wait for none. */
const DELAY_SECONDS = 2;
/** Seconds between two drawings. */
const DRAW_SECONDS = 0.1;
const WIDTH = 24;

/** A bar. */
export interface Progress {
  /**
   * Moves the bar.
   * @param done - how many are done
   * @param detail - what stands behind the bar; default: rate and time left
   */
  update: (done: number, detail?: string) => void;
  /** Removes the bar. */
  stop: () => void;
}

/**
 * Starts a bar that shows itself after two seconds.
 * @param terminal - where it is shown
 * @param label - what is counted, such as `clips`
 * @param total - how many there will be
 * @param quiet - never show it
 */
export function startProgress(terminal: Terminal, label: string, total: number, quiet = false): Progress {
  const started = performance.now();
  const seconds = (): number => (performance.now() - started) / 1000;
  const { stderr, env } = terminal.io;
  const delay = Number(env['IOVQA_PROGRESS_DELAY'] ?? DELAY_SECONDS);
  let lastDrawn = -Infinity;
  let lastLine = delay - LINE_SECONDS;
  let first: { done: number; at: number } | null = null;

  const left = (done: number): string => {
    first ??= { done, at: seconds() };
    const rate = (done - first.done) / (seconds() - first.at);
    return rate > 0 ? `${rate.toPrecision(3)}/s, ${formatSeconds((total - done) / rate)} left` : '';
  };
  const text = (done: number, detail: string): string => (detail === '' ? left(done) : detail);

  return {
    update: (done, detail = '') => {
      if (quiet || seconds() < delay) {
        first ??= { done, at: seconds() };
        return;
      }
      const behind = text(done, detail);
      if (stderr.isTTY !== true) {
        if (seconds() - lastLine < LINE_SECONDS && done < total) return;
        lastLine = seconds();
        terminal.tell(`${label} ${done}/${total}${behind === '' ? '' : `  ${behind}`}`);
        return;
      }
      if (seconds() - lastDrawn < DRAW_SECONDS && done < total) return;
      lastDrawn = seconds();
      const full = Math.round((WIDTH * Math.min(done, total)) / Math.max(1, total));
      terminal.showStatus(`${label} ${'█'.repeat(full)}${'░'.repeat(WIDTH - full)} ${done}/${total}  ${behind}`);
    },
    stop: () => terminal.clearStatus(),
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
