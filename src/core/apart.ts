// Work with what strangers wrote, in a process of its own: their patterns must not hang this one, their templates not fill its memory.
import { spawnSync } from 'node:child_process';

/** How much work somebody else's code may be. */
export interface ApartLimits {
  /** Processor time, in milliseconds. Not time by the clock: a busy machine makes nothing a fault. */
  cpuMs: number;
  /** Memory of its values, in MB. */
  memoryMb: number;
  /** Most characters of the result, written as JSON. */
  maxReply: number;
}

// Plain JavaScript that needs no file of its own, so that it runs from source and from a package alike. The work is done by a thread
// of the process, so that the process itself can look at its processor time meanwhile.
const child = `
const { Worker } = require('node:worker_threads');
const { code, input, cpuMs, memoryMb } = JSON.parse(require('node:fs').readFileSync(0, 'utf8'));
let isDone = false;
const reply = (value) => {
  if (!isDone) process.stdout.write(JSON.stringify(value), () => process.exit(0));
  isDone = true;
};
const work = \`
  const { parentPort, workerData } = require('node:worker_threads');
  let answer;
  try {
    answer = { value: (\${code})(workerData) };
  } catch (error) {
    answer = { problem: String(error?.message ?? error).slice(0, 500) };
  }
  parentPort.postMessage(JSON.stringify(answer));
\`;
const worker = new Worker(work, {
  eval: true,
  workerData: input,
  resourceLimits: { maxOldGenerationSizeMb: memoryMb, maxYoungGenerationSizeMb: 8 },
});
worker.on('message', (text) => reply(JSON.parse(text)));
worker.on('error', (error) =>
  reply({ problem: error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? 'more than ' + memoryMb + ' MB of memory' : String(error.message).slice(0, 500) }),
);
worker.on('exit', () => reply({ problem: 'no result' }));
const begun = process.cpuUsage();
setInterval(() => {
  const { user, system } = process.cpuUsage(begun);
  if (user + system > 1000 * cpuMs) reply({ problem: 'more than ' + cpuMs / 1000 + ' s of work' });
}, 20);
`;

/** Last resort, by the clock: for a machine that gives a process no time at all. */
const PATIENCE_MS = 600_000;

/**
 * Calls a function in a process of its own. Costs about 0.1 s.
 * @param code - the source of a function of one argument; it has Node's `require`
 * @param input - its argument, as JSON
 * @param limits - how much work it may be
 * @returns its result, as JSON
 * @throws Error that says in one line why there is none: the function's own error, or which limit was reached
 */
export function runApart(code: string, input: unknown, { cpuMs, memoryMb, maxReply }: ApartLimits): unknown {
  const result = spawnSync(process.execPath, [`--max-old-space-size=${memoryMb + 32}`, '-e', child], {
    input: JSON.stringify({ code, input, cpuMs, memoryMb }),
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] }, // not NODE_OPTIONS
    timeout: PATIENCE_MS,
    killSignal: 'SIGKILL',
    maxBuffer: 4 * maxReply + 10_000, // bytes
  });
  const { error } = result as { error?: NodeJS.ErrnoException };
  const tooLong = new Error(`more than ${maxReply} characters`);
  if (error?.code === 'ENOBUFS') throw tooLong;
  if (error !== undefined) throw error;
  // Node.js aborts when its memory is full.
  if (result.signal === 'SIGABRT' || result.status === 134) throw new Error(`more than ${memoryMb} MB of memory`);
  if (result.status !== 0) {
    const complaint = result.stderr.trim().split('\n').at(-1) ?? '';
    throw new Error(
      `a process that ended with ${result.signal ?? `status ${result.status}`}: ${complaint.slice(0, 300)}`,
    );
  }
  if (result.stdout.length > maxReply + 100) throw tooLong;
  const { value, problem } = JSON.parse(result.stdout) as { value?: unknown; problem?: string };
  if (problem !== undefined) throw new Error(problem);
  return value;
}
