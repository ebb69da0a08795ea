// One decoding process as its pool sees it: what it says, what it gets, how long it may take.
import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { ChildProcess } from 'node:child_process';
import { howItEnded, launch, slotPath } from './confinement/launch.ts';
import type { Launched } from './confinement/launch.ts';
import { processorTime } from './confinement/processor-time.ts';
import type { Confinement } from './confinement/sandbox.ts';
import type { Beat, ReadReply, ReadRequest } from './decode-child.ts';
import { checkFile, placeOf, unreadable } from '../media/index.ts';
import type { SystemFfmpeg } from './ffmpeg/programs.ts';
import type { DecodeLimits, DecoderName } from './types.ts';

/** What a process tells its pool. */
export interface DecoderEvents {
  /** It is ready, or answers. */
  reply: (reply: ReadReply) => void;
  /** It has ended, or could not begin: how, what it said last, and the system's error where it could not begin. */
  end: (how: string, complaint: string, cause?: Error) => void;
}

/** Bytes of a clip that is rather copied than given to a process of its own, which takes as long to start as copying these. */
const maxSlotBytes = 2 ** 26;
/** Processor time that a process may take in all its life beyond what one clip may, in seconds. */
const lifetime = 3600;

/** A decoding process. */
export class Decoder {
  /** Settled when it has ended. */
  readonly exited: Promise<unknown>;
  /** Whether it was made for one clip. */
  readonly isForOne: boolean;
  /** What it decodes with. */
  readonly kind: DecoderName;
  readonly #child: ChildProcess;
  readonly #launched: Launched;
  readonly #limits: DecodeLimits;
  #watch: Watch | undefined;

  /**
   * Starts a process.
   * @param confinement - what confines it
   * @param limits - what a clip may cost
   * @param events - who hears of it
   * @param clip - the only clip that it may read; undefined for any
   * @param ffmpeg - the programs that it decodes with; undefined where it decodes by itself
   */
  constructor(
    confinement: Confinement,
    limits: DecodeLimits,
    events: DecoderEvents,
    clip?: string,
    ffmpeg?: SystemFfmpeg,
  ) {
    const cpuSeconds = 2 * Math.ceil(limits.maxMilliseconds / 1000) + lifetime;
    this.#launched = launch(confinement, cpuSeconds, clip, ffmpeg);
    this.kind = ffmpeg ? 'ffmpeg' : 'node-av';
    this.#limits = limits;
    this.isForOne = clip !== undefined;
    const { child } = this.#launched;
    this.#child = child;
    let complaint = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      complaint = (complaint + chunk.toString()).slice(-2000);
    });
    child.on('message', (reply: ReadReply | Beat) => {
      if (reply.type === 'beat') this.#watch?.beat();
      else events.reply(reply);
    });
    child.on('error', (error) => events.end(error.message, complaint, child.pid === undefined ? error : undefined));
    child.on('exit', (code, signal) => events.end(howItEnded(code, signal), complaint));
    this.exited = Promise.race([once(child, 'exit'), once(child, 'error')]).catch(() => {});
    void this.exited.then(() => this.#launched.slot?.close());
  }

  /**
   * Gives it a clip.
   * @param request - the clip and what is wanted of it
   * @param isWanted - whether the clip is still this process's when all is ready
   * @returns false where the clip needs a process of its own
   * @throws UserError `unreadable-media` for what is no file
   */
  async give(request: ReadRequest, isWanted: () => boolean): Promise<boolean> {
    const { path } = request.clip;
    const place = placeOf(path);
    const { slot, clip, programs } = this.#launched;
    if (slot) {
      const size = await checkFile(path, request.limits.maxBytes, place);
      if (size > maxSlotBytes) return false;
      // Where there is no room, or no right to read, a process of its own gets the clip itself, or its error.
      const isThere = await slot.fill(place.path).then(
        () => true,
        () => false,
      );
      if (!isThere) return false;
    }
    const source = slot ? slotPath : (clip ?? place.source);
    if (!isWanted()) return true;
    await new Promise<void>((resolve, reject) => {
      const given: ReadRequest = { ...request, place: { path: place.path, source }, ...(programs && { programs }) };
      this.#child.send(given, (error) => {
        if (error) reject(error);
        else resolve();
      });
    });
    return true;
  }

  /**
   * Watches the time of a clip.
   * @param path - the clip
   * @param end - takes the error when it takes too much
   */
  watch(path: string, end: (error: Error) => void): void {
    this.#watch?.stop();
    this.#watch = watchTime(this.#child.pid, this.#limits, (error) => end(unreadable(path, error.expected, error.got)));
  }

  /**
   * Calls `end` when nothing is heard of it for so long.
   * @param milliseconds - how long
   * @param end - what to do
   */
  expectWithin(milliseconds: number, end: () => void): void {
    this.#watch?.stop();
    const { stop } = countdown(milliseconds, end);
    this.#watch = { beat: () => {}, stop };
  }

  /** The clip is done, or no longer wanted. */
  rest(): void {
    this.#watch?.stop();
    this.#watch = undefined;
  }

  /** Whether its life is so far gone that the next clip might be more than it has left. */
  isWorn(): boolean {
    const { pid } = this.#child;
    return pid !== undefined && (processorTime(pid) ?? 0) > lifetime * 1000;
  }

  /** Ends it at once. */
  kill(): void {
    this.rest();
    this.#launched.kill();
    // Nothing that it holds open may keep this program alive.
    if (this.#child.connected) this.#child.disconnect();
    for (const pipe of this.#pipes()) pipe?.destroy();
  }

  /** None where it could not be started for too many open files. */
  #pipes(): readonly (Socket | null | undefined)[] {
    return (this.#child.stdio as readonly (Socket | null | undefined)[] | undefined) ?? [];
  }

  /** It keeps the program alive. */
  ref(): void {
    this.#child.ref();
    this.#child.channel?.ref();
  }

  /** It does not keep the program alive. */
  unref(): void {
    this.#child.unref();
    this.#child.channel?.unref();
    // A closed pipe would wait for a connection to do so.
    for (const pipe of this.#pipes()) {
      if (pipe?.destroyed === false) pipe.unref();
    }
  }
}

interface Watch {
  /** It gave a sign of life. */
  beat: () => void;
  stop: () => void;
}

/**
 * Watches what a clip costs: processor time, which does not grow with the load of the machine; as a last resort, silence. The process
 * looks at its own clock, too, but cannot where it is stuck.
 */
function watchTime(
  pid: number | undefined,
  { maxMilliseconds, maxSilentMilliseconds }: DecodeLimits,
  end: (error: { expected: string; got: string }) => void,
): Watch {
  const before = pid === undefined ? undefined : processorTime(pid);
  const work = setInterval(() => {
    const now = pid === undefined ? undefined : processorTime(pid);
    if (before === undefined || now === undefined || now - before <= maxMilliseconds + grace) return;
    stop();
    end(tooLong(maxMilliseconds));
  }, 250);
  const listen = (milliseconds: number, got: string): Watch => {
    const expected = `a sign of life from its decoder within ${milliseconds} ms`;
    const { stop: stopListening, again } = countdown(milliseconds, () => {
      stop();
      end({ expected, got });
    });
    return { beat: again, stop: stopListening };
  };
  const silence = listen(maxSilentMilliseconds, 'none');
  const stop = (): void => {
    clearInterval(work);
    silence.stop();
  };
  return { beat: silence.beat, stop };
}

/** Milliseconds by which a process may pass its limit before it is ended from outside: it ends by itself, and says why. */
const grace = 500;

/**
 * The error of a clip that takes too long.
 * @param milliseconds - the limit
 * @returns what was expected and what came
 */
export function tooLong(milliseconds: number): { expected: string; got: string } {
  return { expected: `to be read within ${milliseconds} ms of processor time`, got: 'a decoder still at work' };
}

/**
 * Calls `end` after some time in which this process could have heard of its child. The runtime computes on this thread: a step of a
 * large model holds it for a minute, in which the child has long answered.
 */
function countdown(milliseconds: number, end: () => void): { stop: () => void; again: () => void } {
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
  return {
    stop: () => clearInterval(timer),
    again: () => {
      left = milliseconds;
    },
  };
}
