// Starts worker processes: which command, which environment, where what they print goes.
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** How workers are started. */
export interface LaunchOptions {
  /** The Python. */
  python: string;
  /** How many processes. */
  ranks: number;
  /** Kind of device. */
  device: string;
  /** Threads of each. */
  threads: number;
  /** HOST:PORT of the link, and its token. */
  link: { address: string; token: string };
  /** Folder for what each prints, `worker-RANK.log`, and for temporary files of theirs. */
  folder: string;
}

/** Most of what a process printed that is kept, in characters. */
const MAX_SAID = 4000;

/** Variables that workers inherit; a name that ends with `*` stands for all that begin so. */
const INHERITED = [
  'PATH',
  'HOME',
  'LANG',
  'LC_*',
  'LD_LIBRARY_PATH',
  'CUDA_*',
  'NVIDIA_*',
  'NCCL_*',
  'GLOO_*',
  'TORCH_*',
  'PYTORCH_*',
  'HIP_*',
  'HSA_*',
  'ROCR_*',
  'XLA_*',
];

/** The folder of the workers' code: beside `src` in a checkout, beside `dist` in the package. */
const CODE = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..', 'engine-torch');

/** Workers that were started. */
export interface Launched {
  /** Number of the process, which leads a group of its own; undefined where it could not be started. */
  readonly pid: number | undefined;
  /** Why it ended, in words. */
  readonly ended: Promise<string>;
  /** The last that it printed before each worker has a file for it. */
  readonly said: () => string;
}

/**
 * Starts the processes, in a group of their own: a terminal's Ctrl-C does not reach them.
 * @param options - command, environment
 */
export async function launchWorkers(options: LaunchOptions): Promise<Launched> {
  const { python, ranks, folder } = options;
  const args = ['-I', '-B', ...(ranks === 1 ? [join(CODE, 'worker.py')] : await torchrun(ranks, folder))];
  const child = spawn(python, args, {
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: environmentOf(options),
    cwd: folder,
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-MAX_SAID)));
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(`it could not be started (${error.message})`));
    child.once('exit', (code, signal) => resolve(`the process ended with ${signal ?? `status ${code}`}`));
  });
  return { pid: child.pid, ended, said: () => said };
}

/** Static rendezvous on this machine: no other kind gives ranks in a known order. */
async function torchrun(ranks: number, folder: string): Promise<string[]> {
  const port = await freePort();
  const args = {
    nnodes: 1,
    'nproc-per-node': ranks,
    'node-rank': 0,
    'master-addr': '127.0.0.1',
    'master-port': port,
    'max-restarts': 0,
    'log-dir': folder,
  };
  return [join(CODE, 'launch.py'), ...Object.entries(args).map(([name, value]) => `--${name}=${value}`)];
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function environmentOf({ link, device, threads, folder }: LaunchOptions): NodeJS.ProcessEnv {
  const isInherited = (name: string): boolean =>
    INHERITED.some((rule) => (rule.endsWith('*') ? name.startsWith(rule.slice(0, -1)) : name === rule));
  return {
    ...Object.fromEntries(Object.entries(process.env).filter(([name]) => isInherited(name))),
    TMPDIR: folder,
    HF_HUB_OFFLINE: '1',
    TRANSFORMERS_OFFLINE: '1',
    HF_HUB_DISABLE_TELEMETRY: '1',
    OMP_NUM_THREADS: String(threads),
    // Where others want the cores too, threads that wait in a loop take minutes for what takes seconds.
    OMP_WAIT_POLICY: 'PASSIVE',
    IOVQA_LINK: link.address,
    IOVQA_TOKEN: link.token,
    IOVQA_DEVICE: device,
    IOVQA_THREADS: String(threads),
    IOVQA_LOGS: folder,
  };
}
