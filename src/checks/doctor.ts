// What this machine has, found out by trying it.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism, cpus, freemem } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Provider } from '../core/index.ts';
import { forkModule, formatSize, machineMemory, packageVersion as version, providers } from '../core/index.ts';
import { inspectTorch } from '../engine/index.ts';
import { cacheFolder, cacheInfo, versionOf } from '../model/index.ts';
import { bestConfinement, decoderBuild, systemFfmpeg } from '../video/index.ts';
import type { Finding } from './finding.ts';
import { torchFindings } from './torch-findings.ts';

/** How to get what is missing. */
const advice: Partial<Record<Provider, string>> = {
  cuda: 'needs an NVIDIA GPU, Linux x64 and the CUDA libraries: npm rebuild onnxruntime-node --ignore-scripts=false downloads them',
  coreml: 'macOS only',
  dml: 'Windows only',
  webgpu: 'needs a GPU with a Vulkan, Metal or Direct3D 12 driver',
};

/** What is looked at. */
export interface DoctorOptions {
  /** Path or command of the Python of the torch engine; default: `IOVQA_PYTHON`, an active virtual environment's, else `python3`. */
  python?: string;
}

/**
 * Looks at this machine: versions, processor and memory, what decodes and what confines it, the cache, each provider of ONNX
 * Runtime, which multiplies two matrices in a process of its own, and the Python of the torch engine with its packages and devices.
 */
export async function doctor({ python }: DoctorOptions = {}): Promise<Finding[]> {
  const findings: Finding[] = [
    { what: 'iovqa', state: 'ok', detail: version },
    { what: 'Node.js', state: 'ok', detail: `${process.version} on ${process.platform} ${process.arch}` },
    { what: 'processor', state: 'ok', detail: `${availableParallelism()} × ${cpus()[0]?.model ?? 'unknown'}` },
    { what: 'memory', state: 'ok', detail: `${gib(freemem())} free of ${gib(machineMemory())}` },
    library('onnxruntime-node'),
    library('node-av'),
    ...(await decoderFindings('FFmpeg', 'of node-av')),
    ...(await decoderFindings('ffmpeg', 'of the system, for --decoder ffmpeg')),
    library('sharp'),
    ...(await sandboxFindings()),
    await cacheFinding(),
  ];
  for (const provider of providers) findings.push(await tryProvider(provider));
  return [...findings, ...torchFindings(await inspectTorch(python))];
}

const gib = (bytes: number): string => `${(bytes / 1024 ** 3).toFixed(1)} GiB`;

function library(name: string): Finding {
  try {
    return { what: name, state: 'ok', detail: versionOf(name) };
  } catch (error) {
    return { what: name, state: 'missing', detail: (error as Error).message.split('\n')[0]! };
  }
}

/** An FFmpeg that decodes: the library inside node-av, or the system's programs; how it was built, and the licence that follows. */
async function decoderFindings(what: 'FFmpeg' | 'ffmpeg', where: string): Promise<Finding[]> {
  try {
    const { version: number, licence, configuration } = await (what === 'FFmpeg' ? decoderBuild() : systemFfmpeg());
    const has = ['gpl', 'nonfree'].map(
      (option) => `${configuration.split(' ').includes(`--enable-${option}`) ? 'with' : 'without'} --enable-${option}`,
    );
    return [
      { what, state: 'ok', detail: `${number}, ${licence}; ${has.join(', ')} (docs/licences.md); ${where}` },
      { what: `${what} configuration`, state: 'ok', detail: configuration },
    ];
  } catch (error) {
    return [{ what, state: 'missing', detail: (error as Error).message.split('\n')[0]! }];
  }
}

/** What of the operating system stands between a hostile clip and the machine. */
async function sandboxFindings(): Promise<Finding[]> {
  const { level, why, tools, refusals } = await bestConfinement();
  const isBoxed = level === 'bubblewrap';
  const privileges = isBoxed || tools.setpriv !== undefined;
  const finding = (what: string, isThere: boolean, detail: string, refusal?: string): Finding => ({
    what,
    state: isThere ? 'ok' : 'missing',
    detail: isThere ? detail : ['not in force', ...(refusal === undefined ? [] : [refusal])].join(': '),
  });
  return [
    {
      what: 'sandbox',
      state: isBoxed ? 'ok' : 'missing',
      detail: isBoxed
        ? 'bubblewrap: no network, no files but the clip and the decoder'
        : `clips are decoded without: ${why}`,
    },
    finding('system-call filter', isBoxed, 'seccomp: no sockets; no new processes but those of --decoder ffmpeg'),
    finding(
      'resource limits',
      tools.prlimit !== undefined,
      'prlimit: processor time, open files, file size, core',
      refusals.prlimit,
    ),
    finding('no new privileges', privileges, isBoxed ? 'set by bubblewrap' : 'setpriv', refusals.setpriv),
  ];
}

async function cacheFinding(): Promise<Finding> {
  const folder = cacheFolder();
  if (folder === null) return { what: 'cache', state: 'missing', detail: 'IOVQA_CACHE is off' };
  try {
    const { sizeBytes, limitBytes } = await cacheInfo(folder);
    return { what: 'cache', state: 'ok', detail: `${folder}, ${formatSize(sizeBytes)} of ${formatSize(limitBytes)}` };
  } catch (error) {
    return { what: 'cache', state: 'missing', detail: (error as Error).message.split('\n')[0]! };
  }
}

/** Far more than the slowest driver takes to load: a last resort against one that hangs. */
const PROVIDER_MS = 300_000;

/**
 * Multiplies two small matrices on the provider, and looks at the result; apart, as drivers write to stderr.
 * @param options - for tests: what starts the process that tries it, and how long that may take
 */
export async function tryProvider(
  provider: Provider,
  {
    start = () => forkModule(import.meta.url, './provider-child'),
    milliseconds = PROVIDER_MS,
  }: { start?: () => ChildProcess; milliseconds?: number } = {},
): Promise<Finding> {
  const what = `provider ${provider}`;
  const child = start();
  child.stderr?.resume(); // a full pipe that nobody reads would stop it
  const ended = once(child, 'exit').then(([code, signal]) => `the process ended with ${signal ?? `status ${code}`}`);
  const replied = once(child, 'message').then(([reply]) => reply as number[] | string);
  child.send(provider);
  const late = sleep(milliseconds, `no answer within ${milliseconds / 1000} s`, { ref: false });
  const reply = await Promise.race([replied, ended, late]);
  child.kill('SIGKILL');
  if (typeof reply !== 'string') {
    const isRight = reply.join() === '4,6';
    const detail = isRight ? 'multiplies matrices' : `gave ${reply.join(', ')}`;
    return { what, state: isRight ? 'ok' : 'missing', detail };
  }
  const hint = advice[provider];
  return { what, state: 'missing', detail: hint === undefined ? reply : `${reply} (${hint})` };
}
