// What the user sees: results on stdout, notes and one status line on stderr. In a terminal both are the same screen, so that
// whoever writes first takes the status line away; all writing goes through here. Words from files and tables come out as text.
import { fstatSync } from 'node:fs';
import { printable } from '../core/index.ts';
import { writeAllSync } from '../files/output.ts';

/** What the last line of the terminal shows; empty for none. */
let status = '';

/** Back to the first column, and nothing behind it. */
const CLEAR = '\r\u001B[K';

/**
 * Writes to stdout.
 * @param text - with its line ends
 * @returns false when the stream asks to wait for `drain`
 */
export function out(text: string): boolean {
  const shown = status;
  if (process.stdout.isTTY) clearStatus();
  // Behind a pipe CSV stays what it is, to the byte.
  const hasRoom = write(process.stdout.isTTY ? printable(text) : text);
  if (text.endsWith('\n')) showStatus(shown);
  return hasRoom;
}

/** Node's own stream writes to a file what has room in it, and does not say when that is not all. */
function write(text: string): boolean {
  isFile ??= !process.stdout.isTTY && ((info) => info.isFile() || info.isCharacterDevice())(fstatSync(1));
  if (!isFile) return process.stdout.write(text);
  writeAllSync(1, text, 'stdout');
  return true;
}

let isFile: boolean | undefined;

/**
 * Writes a line to stderr, above the status line.
 * @param line - without its line end; may hold several lines
 */
export function tell(line: string): void {
  const shown = status;
  clearStatus();
  process.stderr.write(`${printable(line)}\n`);
  showStatus(shown);
}

/**
 * Shows a line at the bottom of the terminal, in place of the one before. Elsewhere than in a terminal nothing is shown.
 * @param line - cut where the terminal ends, since a wrapped line could not be taken away again; `^C`, which the terminal puts
 *   behind it, has room too
 */
export function showStatus(line: string): void {
  if (!process.stderr.isTTY || line === '') return;
  line = printable(line);
  status = line;
  process.stderr.write(`${CLEAR}${line.slice(0, (process.stderr.columns || 80) - 3)}`);
}

/** Takes the status line away. */
export function clearStatus(): void {
  if (status === '') return;
  status = '';
  process.stderr.write(CLEAR);
}
