// Runs `ffmpeg` or `ffprobe` on a clip in the decoding process: without a shell, without input, reading nothing but the clip.
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { constants } from 'node:os';
import { UserError } from '../../core/index.ts';
import type { MediaFile } from '../../media/index.ts';
import { unreadable } from '../../media/index.ts';
import { containers } from '../film-facts.ts';
import type { DecodeLimits } from '../types.ts';
import { remember } from './running.ts';

/** FFmpeg's programs as the decoding process starts them. */
export interface FfmpegPrograms {
  /** Name and version, as plans and cards have it. */
  name: string;
  /** Path of `ffmpeg`. */
  ffmpeg: string;
  /** Path of `ffprobe`. */
  ffprobe: string;
  /** The command in front of each, that limits it; empty where there is none. */
  limiter: readonly string[];
}

/** What runs of the programs on one clip have in common. */
export interface FfmpegJob {
  /** The programs. */
  programs: FfmpegPrograms;
  /** The clip. */
  file: MediaFile;
  /** What it may cost. */
  limits: DecodeLimits;
  /** Options of the reader of containers, before the clip. */
  reading: readonly string[];
}

/** How a program ended. */
export interface Ended {
  /** Whether it says that all went well. */
  ok: boolean;
  /** What it said last: FFmpeg's message of an error, or the signal that ended it. */
  reason: string;
  /** The program that could not be run at all, which is no fault of a clip's. */
  unrun?: string;
}

/** A program at work; dispose of it to end it. */
export interface Running extends AsyncDisposable {
  /** What it writes. */
  output: Readable;
  /** Settled when it has ended and all was read. */
  ended: Promise<Ended>;
}

/** Characters of a program's complaints that are kept. */
const kept = 4000;

/**
 * Starts a program on a clip.
 * @param program - which program
 * @param args - its options, with `input` where the clip goes
 * @param onLine - told each line that it logs
 */
export function start(
  { programs, file, limits, reading }: FfmpegJob,
  program: 'ffmpeg' | 'ffprobe',
  args: (input: readonly string[]) => readonly string[],
  onLine: (line: string) => void = () => {},
): Running {
  // What a file descriptor holds has another number in each process: the clip goes along as the fourth.
  const fd = file.source.startsWith('/proc/self/fd/') ? openSync(file.source, 'r') : undefined;
  // An absolute path behind `file:` cannot be taken for another protocol, an option or a pattern.
  const url = `file:${fd === undefined ? file.source : '/proc/self/fd/3'}`;
  const allowed = ['-format_whitelist', containers, ...words('-protocol_whitelist file -threads 1')];
  const input = [...allowed, '-max_pixels', String(limits.maxPixels), ...reading, '-i', url];
  const [command, ...rest] = [...programs.limiter, programs[program], '-hide_banner', ...args(input)];
  const child = spawn(command!, rest, {
    env: { LC_ALL: 'C' },
    stdio: ['ignore', 'pipe', 'pipe', ...(fd === undefined ? [] : [fd])],
    windowsHide: true,
  });
  if (fd !== undefined) closeSync(fd);
  remember(child);
  let log = '';
  let unread = '';
  child.stderr!.setEncoding('utf8').on('data', (chunk: string) => {
    log = (log + chunk).slice(-kept);
    const lines = (unread + chunk).split('\n');
    unread = lines.pop()!.slice(-kept);
    for (const line of lines) onLine(line);
  });
  const ended = new Promise<Ended>((resolve) => {
    child.on('error', (error) => resolve({ ok: false, reason: error.message, unrun: programs[program] }));
    child.on('close', (code, signal) => {
      // What limits the program, and a loader of libraries, end so where they cannot run it.
      const isUnrun = code === 126 || code === 127 || log.includes('error while loading shared libraries');
      const reason = signal ?? lastWord(log, code);
      resolve({ ok: code === 0, reason, ...(isUnrun ? { unrun: programs[program] } : {}) });
    });
  });
  return {
    output: child.stdout!,
    ended,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      child.stdout!.destroy();
      await ended;
    },
  };
}

/**
 * Arguments of a command.
 * @param text - separated by single spaces
 */
export function words(text: string): string[] {
  return text.split(' ');
}

/** The message of the last line, without what it is about: `file:/clip: Invalid data found when processing input`. */
function lastWord(log: string, code: number | null): string {
  const signal = Object.entries(constants.signals).find(([, number]) => number === (code ?? 0) - 128)?.[0];
  const line = log.trimEnd().split('\n').at(-1) ?? '';
  return (
    signal ??
    (line
      .split(/: |\] /)
      .at(-1)!
      .trim() ||
      `exit status ${code}`)
  );
}

/**
 * The lines of an output.
 * @param output - text of any length
 * @returns line by line
 */
export async function* linesOf(output: Readable): AsyncGenerator<string, void> {
  let rest = '';
  for await (const chunk of output.setEncoding('utf8') as AsyncIterable<string>) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop()!;
    if (rest.length > 1e6) throw new Error('internal: a line of ffprobe without an end');
    yield* lines;
  }
  if (rest !== '') yield rest;
}

/**
 * The error of a clip that FFmpeg's programs refuse.
 * @param expected - what was expected
 * @param got - what came, before FFmpeg's own word
 * @param ended - how the program ended
 * @param hint - what to do about it
 */
export function refused({ file }: FfmpegJob, expected: string, got: string, ended: Ended, hint?: string): Error {
  const { reason, unrun } = ended;
  if (unrun !== undefined) {
    // In the message: errors of single clips are told without hints.
    const remedy = 'give the program itself, not a script around it, or use --decoder node-av';
    return new UserError('not-supported', `--decoder ffmpeg: expected ${unrun} to run, got ${reason}: ${remedy}`);
  }
  return unreadable(file.path, expected, `${got} (${reason})`, hint === undefined ? {} : { hint });
}
