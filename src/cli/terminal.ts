// What the user sees: results on stdout, notes and one status line on stderr. In a terminal both are the same screen, so that
// whoever writes first takes the status line away; all writing goes through here. Words from files and tables come out as text.
import { once } from 'node:events';
import { fstatSync } from 'node:fs';
import { printable } from '../core/index.ts';
import { writeAllSync } from '../files/output.ts';

/** Where text goes: a stream of the process, or one that a test reads. */
export interface TextStream extends NodeJS.WritableStream {
  /** Whether it is a terminal. */
  readonly isTTY?: boolean;
  /** Columns of the terminal. */
  readonly columns?: number;
  /** The file descriptor of a stream of the process. */
  readonly fd?: number;
}

/** What a command is run with; `process` itself is one. */
export interface CommandIo {
  /** Gets results. */
  readonly stdout: TextStream;
  /** Gets notes, errors and the status line. */
  readonly stderr: TextStream;
  /** Variables that the command line itself looks at; the library reads those of the process. */
  readonly env: NodeJS.ProcessEnv;
}

/** Back to the first column, and nothing behind it. */
const CLEAR = '\r\u001B[K';

/** The screen of one command, and the exit status that it leaves. */
export class Terminal {
  /** Exit status of a command that ends without an error. */
  exitStatus = 0;
  /** The streams and the environment. */
  readonly io: CommandIo;
  /** What the last line of the terminal shows; empty for none. */
  #status = '';
  /** Whether stdout is a file or a device; found out when it is first written to. */
  #isFile: boolean | undefined;

  /**
   * A screen.
   * @param io - what it writes to
   */
  constructor(io: CommandIo) {
    this.io = io;
  }

  /**
   * Writes to stdout.
   * @param text - with its line ends
   * @returns false when the stream asks to wait for {@link hasRoom}
   */
  out(text: string): boolean {
    const shown = this.#status;
    const isTTY = this.io.stdout.isTTY === true;
    if (isTTY) this.clearStatus();
    // Behind a pipe CSV stays what it is, to the byte.
    const hasRoom = this.#write(isTTY ? printable(text) : text);
    if (text.endsWith('\n')) this.showStatus(shown);
    return hasRoom;
  }

  /** Resolves when stdout takes more. */
  async hasRoom(): Promise<void> {
    await once(this.io.stdout, 'drain');
  }

  /** Node's own stream writes to a file what has room in it, and does not say when that is not all. */
  #write(text: string): boolean {
    const { fd, isTTY } = this.io.stdout;
    if (fd === undefined) return this.io.stdout.write(text);
    this.#isFile ??= isTTY !== true && ((info) => info.isFile() || info.isCharacterDevice())(fstatSync(fd));
    if (!this.#isFile) return this.io.stdout.write(text);
    writeAllSync(fd, text, 'stdout');
    return true;
  }

  /**
   * Writes a line to stderr, above the status line.
   * @param line - without its line end; may hold several lines
   */
  tell(line: string): void {
    const shown = this.#status;
    this.clearStatus();
    this.io.stderr.write(`${printable(line)}\n`);
    this.showStatus(shown);
  }

  /**
   * Shows a line at the bottom of the terminal, in place of the one before. Elsewhere than in a terminal nothing is shown.
   * @param line - cut where the terminal ends, since a wrapped line could not be taken away again; `^C`, which the terminal puts
   *   behind it, has room too
   */
  showStatus(line: string): void {
    const { isTTY, columns = 80 } = this.io.stderr;
    if (isTTY !== true || line === '') return;
    this.#status = printable(line);
    this.io.stderr.write(`${CLEAR}${this.#status.slice(0, (columns || 80) - 3)}`);
  }

  /** Takes the status line away. */
  clearStatus(): void {
    if (this.#status === '') return;
    this.#status = '';
    this.io.stderr.write(CLEAR);
  }
}
