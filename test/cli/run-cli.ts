// Runs the command line as a user does, in a process of its own.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

export const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
export const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;

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
  /** Most KiB that it may write to one file. */
  maxFileKib?: number;
  /** Milliseconds after which it hangs; default a minute. */
  timeout?: number;
  /** Sees the process before it has done anything. */
  onStart?: (child: ChildProcess) => void;
  /** Sees stderr as it grows, and may signal the process. */
  onStderr?: (text: string, kill: (signal: NodeJS.Signals) => void) => void;
}

export async function runCli(
  args: readonly string[],
  { cwd, env, maxFileKib, timeout = 60_000, onStart, onStderr }: CliOptions = {},
): Promise<CliResult> {
  const node = [process.execPath, '--import', tsx, main, ...args];
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
