// Child processes that decode, so that a hostile or damaged file can neither crash, hang nor bloat the run that reads it.
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { UserError, onAbort } from '../core/index.ts';
import type { ReadReply, ReadRequest } from './decode-child.ts';
import { unreadable } from '../media/index.ts';
import type { ReadClip } from './read-clip.ts';

/** A pool of decoding processes. */
export interface ChildPool {
  /** Starts the first child before it is needed. */
  start: () => void;
  /** Reads one clip in a child; waits for a free one. */
  read: (request: ReadRequest, signal?: AbortSignal) => Promise<ReadClip>;
  /** Ends all children; clips that are being read or wait are rejected. */
  close: () => Promise<void>;
}

interface Job {
  request: ReadRequest;
  /** Children that died before they began with it. */
  lost: number;
  resolve: (clip: ReadClip) => void;
  reject: (error: unknown) => void;
}

interface Worker {
  child: ChildProcess;
  exited: Promise<void>;
  ready: boolean;
  /** Whether it has begun with its job. */
  begun: boolean;
  job: Job | undefined;
  timer: Countdown | undefined;
}

/** Milliseconds that a child may take to start. */
const startLimit = 60_000;

/**
 * Opens a pool; children start when first needed, the first one earlier where that is asked for.
 * @param size - greatest number of children
 * @returns the pool
 */
export function openChildPool(size: number): ChildPool {
  const workers = new Set<Worker>();
  const waiting: Job[] = [];
  let closed = false;

  const settle = (worker: Worker, end: (job: Job) => void): void => {
    const { job } = worker;
    worker.job = undefined;
    worker.begun = false;
    worker.timer?.stop();
    unrefChild(worker.child);
    if (job) end(job);
  };
  /** Kills a child and gives its clip this error; another child takes its place when needed. */
  const kill = (worker: Worker, error: unknown): void => {
    workers.delete(worker);
    worker.child.kill('SIGKILL');
    settle(worker, (job) => job.reject(error));
    next();
  };
  /** A child that died between two clips is not the next clip's fault. */
  const retry = (worker: Worker, error: Error): void => {
    const { job } = worker;
    if (!job || job.lost >= 2) return kill(worker, error);
    worker.job = undefined;
    job.lost++;
    waiting.unshift(job);
    kill(worker, error);
  };
  const begin = (worker: Worker): void => {
    const { clip, limits } = worker.job!.request;
    worker.timer?.stop();
    worker.timer = countdown(limits.maxMilliseconds, () => {
      kill(worker, unreadable(clip.path, `to be read within ${limits.maxMilliseconds} ms`, 'a decoder still at work'));
    });
    worker.child.send(worker.job!.request, (error) => {
      if (error) retry(worker, error);
    });
  };
  const answer = (worker: Worker, reply: ReadReply): void => {
    if (reply.type === 'ready') {
      worker.ready = true;
      if (worker.job) begin(worker);
      return;
    }
    const { job } = worker;
    if (!job) return;
    if (reply.type === 'begun') {
      worker.begun = true;
      return;
    }
    const { clip, limits } = job.request;
    if (reply.type === 'too-much-memory') {
      kill(worker, unreadable(clip.path, `at most ${limits.maxMemory} bytes of memory to decode it`, 'more'));
      return;
    }
    settle(worker, () => {
      if (reply.type === 'read') job.resolve(reply.clip);
      else if (reply.type === 'bug') job.reject(new Error(`internal: decoding ${clip.path}: ${reply.stack}`));
      else {
        const details = reply.hint === undefined ? {} : { hint: reply.hint };
        job.reject(new UserError('unreadable-media', reply.message, details));
      }
    });
    next();
  };
  const start = (): Worker => {
    const child = forkChild();
    const exited = new Promise<void>((resolve) => {
      child.once('exit', () => resolve());
      child.once('error', () => resolve());
    });
    const worker: Worker = { child, exited, ready: false, begun: false, job: undefined, timer: undefined };
    workers.add(worker);
    let complaint = '';
    child.stderr!.on('data', (chunk: Buffer) => {
      complaint = (complaint + chunk.toString()).slice(-2000);
    });
    child.on('message', (reply: ReadReply) => answer(worker, reply));
    child.on('error', (error) => kill(worker, error));
    child.on('exit', (code, killedBy) => {
      const how = killedBy ?? `exit status ${code}`;
      const { job } = worker;
      if (!job) return void workers.delete(worker);
      if (worker.ready && !worker.begun)
        return retry(worker, new Error(`internal: the decoding process died (${how})`));
      const died = worker.ready
        ? unreadable(job.request.clip.path, 'a file that can be decoded', `a decoder that died of it (${how})`)
        : new Error(`internal: the decoding process did not start (${how}): ${complaint.trim()}`);
      kill(worker, died);
    });
    return worker;
  };
  const next = (): void => {
    while (waiting.length > 0) {
      const idle = [...workers].find((worker) => !worker.job);
      if (!idle && workers.size >= size) return;
      const worker = idle ?? start();
      worker.job = waiting.shift()!;
      refChild(worker.child);
      if (worker.ready) begin(worker);
      else {
        worker.timer = countdown(startLimit, () => {
          kill(worker, new Error(`internal: the decoding process did not start within ${startLimit} ms`));
        });
      }
    }
  };

  return {
    start: () => {
      if (!closed && workers.size === 0) unrefChild(start().child);
    },
    read: (request, signal) =>
      new Promise((resolve, reject) => {
        signal?.throwIfAborted();
        if (closed) throw new Error('internal: the frame reader is closed');
        const stop = (): void => {
          const place = waiting.indexOf(job);
          if (place >= 0) {
            waiting.splice(place, 1);
            job.reject(signal!.reason);
          }
          for (const worker of workers) if (worker.job === job) kill(worker, signal!.reason);
        };
        const job: Job = {
          request,
          lost: 0,
          resolve: (clip) => {
            forget();
            resolve(clip);
          },
          reject: (error) => {
            forget();
            reject(error);
          },
        };
        const forget = onAbort(signal, stop);
        waiting.push(job);
        next();
      }),
    close: async () => {
      closed = true;
      const error = new Error('the frame reader was closed');
      for (const job of waiting.splice(0)) job.reject(error);
      const all = [...workers];
      for (const worker of all) {
        kill(worker, error);
        worker.child.ref(); // or the program might end before this promise is settled
      }
      await Promise.all(all.map((worker) => worker.exited));
    },
  };
}

/** A timer that can be stopped. */
interface Countdown {
  stop: () => void;
}

/**
 * Calls `end` after some time in which this process could have heard of its child. The runtime computes on this thread: a step of a
 * large model holds it for a minute, in which the child has long answered.
 */
function countdown(milliseconds: number, end: () => void): Countdown {
  const step = Math.min(milliseconds, 250);
  let left = milliseconds;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    left -= Math.min(now - last, 2 * step);
    last = now;
    if (left > 0) return;
    clearInterval(timer);
    end();
  }, step);
  return { stop: () => clearInterval(timer) };
}

function forkChild(): ChildProcess {
  const typescript = import.meta.url.endsWith('.ts'); // run from source (tests, tsx), or compiled
  const main = fileURLToPath(new URL(`./decode-child.${typescript ? 'ts' : 'js'}`, import.meta.url));
  const loader = typescript ? ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href] : [];
  return fork(main, [], {
    execArgv: [...loader, '--max-old-space-size=1024'],
    env: { PATH: process.env['PATH'] },
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
}

/** An idle child does not keep the program alive. */
function unrefChild(child: ChildProcess): void {
  child.unref();
  child.channel?.unref();
  (child.stderr as import('node:net').Socket | null)?.unref();
}

function refChild(child: ChildProcess): void {
  child.ref();
  child.channel?.ref();
}
