// A pool of decoding processes, so that a hostile or damaged file can neither crash, hang nor bloat the run that reads it.
import { UserError, onAbort } from '../core/index.ts';
import { placeOf, unreadable } from '../media/index.ts';
import { announce, confinementFor, sandboxMode } from './confinement/sandbox.ts';
import type { Confinement, SandboxMode } from './confinement/sandbox.ts';
import type { ReadReply, ReadRequest } from './decode-child.ts';
import { Decoder, tooLong } from './decoder.ts';
import type { ReadClip } from './read-clip.ts';
import { systemFfmpeg } from './ffmpeg/programs.ts';
import type { SystemFfmpeg } from './ffmpeg/programs.ts';
import type { DecodeLimits, DecoderName } from './types.ts';
import { defaultLimits } from './types.ts';

/** A pool of decoding processes. */
export interface ChildPool {
  /** Starts the first process before it is needed. */
  start: (decoder?: DecoderName) => void;
  /** Reads one clip in a process; waits for a free one. */
  read: (request: ReadRequest, signal?: AbortSignal) => Promise<ReadClip>;
  /** Ends all processes; clips that are being read or wait are rejected. */
  close: () => Promise<void>;
}

/** Options of {@link openChildPool}. */
export interface ChildPoolOptions {
  /** Whether processes are confined by a sandbox; default as `IOVQA_SANDBOX` says. */
  sandbox?: SandboxMode;
  /** What a clip may cost. */
  limits?: DecodeLimits;
  /** Main module of the processes, for tests. */
  main?: string;
}

interface Job {
  request: ReadRequest;
  /** Processes that died before they began with it. */
  lost: number;
  /** Whether it needs a process of its own. */
  alone: boolean;
  resolve: (clip: ReadClip) => void;
  reject: (error: unknown) => void;
}

interface Worker {
  decoder: Decoder;
  ready: boolean;
  /** Whether it has begun with its job. */
  begun: boolean;
  job: Job | undefined;
}

/** Milliseconds without a word that a process may take to start. */
const startLimit = 600_000;

/**
 * Opens a pool; processes start when first needed, the first one earlier where that is asked for.
 * @param size - greatest number of processes
 * @param options - confinement and limits
 * @returns the pool
 */
export function openChildPool(size: number, options: ChildPoolOptions = {}): ChildPool {
  const mode = options.sandbox ?? sandboxMode();
  const limits = options.limits ?? defaultLimits;
  const workers = new Set<Worker>();
  const waiting: Job[] = [];
  let closed = false;
  let confinement: Confinement | undefined;
  let ffmpeg: SystemFfmpeg | undefined;

  const prepare = async (decoder: DecoderName): Promise<void> => {
    const found = await confinementFor(mode);
    if (mode !== 'off') announce(found);
    confinement ??= options.main === undefined ? found : withMain(found, options.main);
    if (decoder === 'ffmpeg') ffmpeg ??= await systemFfmpeg();
  };
  const settle = (worker: Worker, end: (job: Job) => void): void => {
    const { job } = worker;
    worker.job = undefined;
    worker.begun = false;
    worker.decoder.rest();
    worker.decoder.unref();
    if (job) end(job);
  };
  /** Kills a process and gives its clip this error; another one takes its place when needed. */
  const kill = (worker: Worker, error: unknown): void => {
    workers.delete(worker);
    worker.decoder.kill();
    settle(worker, (job) => job.reject(error));
    next();
  };
  /** A process that died between two clips is not the next clip's fault. */
  const retry = (worker: Worker, error: Error): void => {
    const { job } = worker;
    if (!job || job.lost >= 2) return kill(worker, error);
    worker.job = undefined;
    job.lost++;
    waiting.unshift(job);
    kill(worker, error);
  };
  const begin = (worker: Worker): void => {
    const { decoder } = worker;
    const job = worker.job!;
    const isWanted = (): boolean => worker.job === job;
    decoder.watch(job.request.clip.path, (error) => kill(worker, error));
    decoder.give(job.request, isWanted).then(
      (given) => {
        if (given || !isWanted()) return;
        job.alone = true;
        settle(worker, () => waiting.unshift(job));
        next();
      },
      (error: Error) => {
        if (!isWanted()) return;
        if (!(error instanceof UserError)) return retry(worker, error);
        settle(worker, () => job.reject(error));
        next();
      },
    );
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
    const { clip } = job.request;
    if (reply.type === 'too-much-memory' || reply.type === 'too-much-time') {
      const memory = { expected: `at most ${limits.maxMemory} bytes of memory to decode it`, got: 'more' };
      const { expected, got } = reply.type === 'too-much-memory' ? memory : tooLong(limits.maxMilliseconds);
      kill(worker, unreadable(clip.path, expected, got));
      return;
    }
    settle(worker, () => {
      if (reply.type === 'read') job.resolve(reply.clip);
      else if (reply.type === 'bug') job.reject(new Error(`internal: decoding ${clip.path}: ${reply.stack}`));
      else {
        const details = reply.hint === undefined ? {} : { hint: reply.hint };
        job.reject(new UserError(reply.code, reply.message, details));
      }
    });
    if (worker.decoder.isForOne || worker.decoder.isWorn()) kill(worker, undefined);
    else next();
  };
  const died = (worker: Worker, how: string, complaint: string, cause?: Error): void => {
    const { job } = worker;
    if (!job) return void workers.delete(worker);
    if (cause) return kill(worker, notStarted(cause));
    if (worker.ready && !worker.begun) {
      return retry(worker, new Error(`internal: the decoding process died (${how})`));
    }
    const { path } = job.request.clip;
    const last = complaint.trim();
    if (worker.ready)
      kill(worker, unreadable(path, 'a file that can be decoded', `a decoder that died of it (${how})`));
    else if (worker.decoder.isForOne) {
      // Where it is to see one file alone, that file is what keeps it from starting: it may be gone by now.
      kill(worker, unreadable(path, 'a file that a decoding process can open', last.split('\n').at(-1) || how));
    } else kill(worker, new Error(`internal: the decoding process did not start (${how}): ${last}`));
  };
  const launch = (decoder: DecoderName, job?: Job): Worker => {
    const events = {
      reply: (reply: ReadReply) => answer(worker, reply),
      end: (how: string, complaint: string, cause?: Error) => died(worker, how, complaint, cause),
    };
    const clip = job?.alone === true ? placeOf(job.request.clip.path).path : undefined;
    const worker: Worker = {
      decoder: new Decoder(confinement!, limits, events, clip, decoder === 'ffmpeg' ? ffmpeg : undefined),
      ready: false,
      begun: false,
      job,
    };
    workers.add(worker);
    return worker;
  };
  const next = (): void => {
    while (waiting.length > 0) {
      const job = waiting[0]!;
      const kind = decoderOf(job.request);
      const free = [...workers].filter((worker) => !worker.job);
      const idle = job.alone ? undefined : free.find(({ decoder }) => decoder.kind === kind);
      if (!idle && workers.size >= size) {
        // One that does not fit makes room.
        if (!free[0]) return;
        workers.delete(free[0]);
        free[0].decoder.kill();
      }
      waiting.shift();
      let worker: Worker;
      try {
        worker = idle ?? launch(kind, job);
      } catch (error) {
        job.reject(notStarted(error as Error));
        continue;
      }
      worker.job = job;
      worker.decoder.ref();
      if (worker.ready) begin(worker);
      else {
        worker.decoder.expectWithin(startLimit, () => {
          kill(worker, new Error(`internal: the decoding process did not start within ${startLimit} ms`));
        });
      }
    }
  };

  return {
    start: (decoder = 'node-av') => {
      prepare(decoder).then(
        () => {
          if (!closed && workers.size === 0) launch(decoder).decoder.unref();
        },
        () => {}, // reading tells
      );
    },
    read: async (request, signal) => {
      if (!closed) await prepare(decoderOf(request));
      signal?.throwIfAborted();
      if (closed) throw new Error('internal: the frame reader is closed');
      return new Promise((resolve, reject) => {
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
          alone: false,
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
      });
    },
    close: async () => {
      closed = true;
      const error = new Error('the frame reader was closed');
      for (const job of waiting.splice(0)) job.reject(error);
      const all = [...workers];
      for (const worker of all) {
        kill(worker, error);
        worker.decoder.ref(); // or the program might end before this promise is settled
      }
      await Promise.all(all.map(({ decoder }) => decoder.exited));
    },
  };
}

/** A machine that starts no more processes is no fault of the clip: whoever runs this tells the cause. */
function notStarted(cause: Error): Error {
  return new Error(`internal: the decoding process did not start: ${cause.message}`, { cause });
}

function decoderOf({ options }: ReadRequest): DecoderName {
  return options.decoder ?? 'node-av';
}

function withMain(confinement: Confinement, main: string): Confinement {
  const { code } = confinement;
  return { ...confinement, code: { main, files: [...code.files, main] } };
}
