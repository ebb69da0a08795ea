// Runs the command line: in this process, or, where the process itself is tested, as a user does in a process of its own.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { main } from '../../src/cli/main.ts';
import { Terminal } from '../../src/cli/terminal.ts';
import { compiled } from '../compiled.ts';

/** The command line as source: what commands in this process are called by. */
export const sourceBin = fileURLToPath(new URL('../../src/cli/bin.ts', import.meta.url));
/** The command line as processes run it. */
export const bin = compiled('src/cli/bin.ts');

export interface CliResult {
  /** Exit status; null after a signal. */
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface CliOptions {
  cwd?: string;
  /** Environment variables besides the test's own. */
  env?: NodeJS.ProcessEnv;
  /** Sees stderr as it grows. */
  onStderr?: (text: string) => void;
}

/** One command at a time: folder and environment are the process's. */
let before: Promise<unknown> = Promise.resolve();

/**
 * Runs a command in this process, which has its folder, its environment and its name meanwhile.
 * @param args - arguments
 * @param options - folder and environment
 */
export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const result = before.then(() => runHere(args, options));
  before = result.catch(() => {});
  return result;
}

async function runHere(args: readonly string[], { cwd, env, onStderr }: CliOptions): Promise<CliResult> {
  const [folder, entry, variables] = [process.cwd(), process.argv[1]!, { ...process.env }];
  let [stdout, stderr] = ['', ''];
  const terminal = new Terminal({
    stdout: collect((text) => (stdout += text)),
    stderr: collect((text) => {
      stderr += text;
      onStderr?.(stderr);
    }),
    env: process.env,
  });
  try {
    if (cwd !== undefined) process.chdir(cwd);
    Object.assign(process.env, env);
    process.argv[1] = sourceBin;
    return { code: await main(args, terminal), stdout, stderr };
  } finally {
    process.argv[1] = entry;
    for (const name of Object.keys(process.env)) if (!(name in variables)) delete process.env[name];
    Object.assign(process.env, variables);
    process.chdir(folder);
  }
}

/** A stream that gives its text away at once. */
const collect = (take: (text: string) => void): Writable =>
  new Writable({
    decodeStrings: false,
    write: (text: string | Buffer, _, done) => {
      take(String(text));
      done();
    },
  });

export interface ProcessOptions extends Omit<CliOptions, 'onStderr'> {
  /** Most KiB that it may write to one file. */
  maxFileKib?: number;
  /** Milliseconds after which it hangs; default ten minutes, a last resort. */
  timeout?: number;
  /** Sees the process before it has done anything. */
  onStart?: (child: ChildProcess) => void;
  /** Sees stderr as it grows, and may signal the process. */
  onStderr?: (text: string, kill: (signal: NodeJS.Signals) => void) => void;
}

/**
 * Runs a command in a process of its own.
 * @param args - arguments
 * @param options - folder, environment and limits, and what is done to the process
 */
export async function spawnCli(
  args: readonly string[],
  { cwd, env, maxFileKib, timeout = 600_000, onStart, onStderr }: ProcessOptions = {},
): Promise<CliResult> {
  const node = [process.execPath, bin, ...args];
  const limited = ['bash', '-c', `ulimit -f ${maxFileKib} && exec "$@"`, 'bash', ...node];
  const [command, ...rest] = maxFileKib === undefined ? node : limited;
  const child = spawn(command!, rest, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout, // a command that hangs fails its test, and is gone
    killSignal: 'SIGKILL',
  });
  onStart?.(child);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    onStderr?.(stderr, (signal) => child.kill(signal));
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  return { code, stdout, stderr };
}
