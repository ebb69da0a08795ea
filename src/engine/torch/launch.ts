// Starts worker processes: which command, which environment, where what they print goes.
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, interfaceOf } from './addresses.ts';

/** Where the processes of a machine stand among those of all. */
export interface Placement {
  /** How many machines there are. */
  nodes: number;
  /** Number of this one. */
  node: number;
  /** Address of the first machine, and the port there where PyTorch's processes find each other. */
  master: { address: string; port: number };
  /** The network interface that they use on this machine. */
  networkInterface: string;
}

/** How workers are started. */
export interface LaunchOptions {
  /** The Python. */
  python: string;
  /** How many processes. */
  ranks: number;
  /** Their place among those of several machines; null for one machine. */
  placement: Placement | null;
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
  const isAlone = ranks === 1 && options.placement === null;
  const placement = options.placement ?? (await onLoopback());
  const args = ['-I', '-B', ...(isAlone ? [join(CODE, 'worker.py')] : torchrun(ranks, placement, folder))];
  const child = spawn(python, args, {
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: environmentOf(options, placement),
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

/** A placement for one machine. */
async function onLoopback(): Promise<Placement> {
  const address = '127.0.0.1';
  const master = { address, port: await freePort(address) };
  return { nodes: 1, node: 0, master, networkInterface: interfaceOf(address) ?? 'lo' };
}

/** Static rendezvous: no other kind gives ranks in a known order. Node.js alone starts anything again. */
function torchrun(ranks: number, { nodes, node, master }: Placement, folder: string): string[] {
  const args = {
    nnodes: nodes,
    'nproc-per-node': ranks,
    'node-rank': node,
    'master-addr': master.address,
    'master-port': master.port,
    'max-restarts': 0,
    'log-dir': folder,
  };
  return [join(CODE, 'launch.py'), ...Object.entries(args).map(([name, value]) => `--${name}=${value}`)];
}

function environmentOf(
  { link, device, threads, folder }: LaunchOptions,
  { networkInterface }: Placement,
): NodeJS.ProcessEnv {
  const isInherited = (name: string): boolean =>
    INHERITED.some((rule) => (rule.endsWith('*') ? name.startsWith(rule.slice(0, -1)) : name === rule));
  return {
    // Ports are opened on the address that was given, and on no other; unless the user has named an interface.
    GLOO_SOCKET_IFNAME: networkInterface,
    NCCL_SOCKET_IFNAME: `=${networkInterface}`, // without the sign, of others too that begin so
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
