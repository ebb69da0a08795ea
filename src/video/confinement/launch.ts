// Starts a decoding process, as confined as it can be.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { constants } from 'node:os';
import type { Writable } from 'node:stream';
import { bubblewrapArguments } from './bubblewrap.ts';
import { syscallFilters } from './filters.ts';
import { filesOf } from '../ffmpeg/programs.ts';
import type { SystemFfmpeg } from '../ffmpeg/programs.ts';
import type { FfmpegPrograms } from '../ffmpeg/run.ts';
import { limitedBy, maxCpuSeconds } from './limits.ts';
import type { Confinement } from './sandbox.ts';
import { openSlot } from './slot.ts';
import type { Slot } from './slot.ts';

/** A decoding process. */
export interface Launched {
  /** The process, or the one of bubblewrap, which ends with it and it with that. */
  child: ChildProcess;
  /** Kills it. */
  kill: () => void;
  /** Where it gets its clips; undefined where it opens files itself. */
  slot: Slot | undefined;
  /** Where it finds the one clip that it was made for; undefined where it was made for any. */
  clip: string | undefined;
  /** The programs that it may start, as it sees them. */
  programs: FfmpegPrograms | undefined;
}

const slotFd = 4;
const filterFd = 5;

/**
 * Starts a process.
 * @param confinement - what confines it
 * @param cpuSeconds - processor time after which the kernel ends it
 * @param clip - the only clip that it may read; undefined for any, which come by its slot
 * @param ffmpeg - the programs that it may start; undefined for none
 * @returns the process
 */
export function launch(
  confinement: Confinement,
  cpuSeconds: number,
  clip: string | undefined,
  ffmpeg: SystemFfmpeg | undefined,
): Launched {
  const { level, tools, code } = confinement;
  const isBoxed = level === 'bubblewrap';
  const slot = isBoxed && clip === undefined ? openSlot() : undefined;
  const programs = ffmpeg && programsOf(confinement, cpuSeconds, ffmpeg);
  const started = ffmpeg === undefined ? [] : [...filesOf(ffmpeg), ...programs!.limiter.slice(0, 1)];
  const command = [
    ...limitedBy(isBoxed ? { ...tools, setpriv: undefined } : tools, cpuSeconds),
    ...(isBoxed
      ? [
          tools.bwrap!,
          ...bubblewrapArguments([...code.files, ...started], clip === undefined ? [] : [shown(clip)], filterFd),
        ]
      : []),
    process.execPath,
    '--max-old-space-size=1024',
    code.main,
  ];
  const [file, ...args] = command;
  const child: ChildProcess = spawn(file!, args, {
    env: isBoxed ? {} : { PATH: process.env['PATH'] },
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc', ...(isBoxed ? ([slot?.readFd ?? 'ignore', 'pipe'] as const) : [])],
    windowsHide: true,
    detached: isBoxed, // a process group of its own, for `killNow`
  });
  slot?.handedOver();
  if (isBoxed) {
    // No pipes where it could not be started for too many open files.
    const filter = (child.stdio as readonly unknown[] | undefined)?.[filterFd] as Writable | null | undefined;
    filter?.on('error', () => {}); // it ended before it read
    filter?.end(Buffer.from(syscallFilters[process.arch]![ffmpeg ? 'spawning' : 'single'], 'base64'));
  }
  return {
    child,
    kill: () => killNow(child, isBoxed),
    slot,
    clip: clip === undefined ? undefined : shown(clip).target,
    programs,
  };
}

/**
 * Kills a process. The one that bubblewrap starts dies with it only once it is set up: of the first milliseconds it would be left behind,
 * waiting for ever, so that all of their group are killed.
 */
function killNow(child: ChildProcess, isGroup: boolean): void {
  const { pid } = child;
  if (pid === undefined) return; // it never began
  if (!isGroup || !child.kill(0)) return void child.kill('SIGKILL');
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    child.kill('SIGKILL'); // it has ended meanwhile
  }
}

/** Each program has the limit of processor time for itself. Out of a sandbox it must be told to end with who started it. */
function programsOf({ level, tools }: Confinement, cpuSeconds: number, ffmpeg: SystemFfmpeg): FfmpegPrograms {
  const { name } = ffmpeg;
  const [setpriv, prlimit] = [level === 'bubblewrap' ? undefined : tools.setpriv, tools.prlimit];
  const limiter = [
    ...(prlimit === undefined ? [] : [realpathSync(prlimit), `--cpu=${maxCpuSeconds(cpuSeconds)}`, '--']),
    ...(setpriv === undefined ? [] : [setpriv, '--pdeathsig', 'KILL', '--']),
  ];
  return { name, ffmpeg: realpathSync(ffmpeg.ffmpeg), ffprobe: realpathSync(ffmpeg.ffprobe), limiter };
}

/** Where a process finds the clip in its slot. */
export const slotPath: string = `/proc/self/fd/${slotFd}`;

function shown(clip: string): { source: string; target: string } {
  return { source: clip, target: '/clip' };
}

/**
 * How a process ended. Bubblewrap and shells tell a signal by an exit status above 128.
 * @param code - its exit status
 * @param signal - the signal that ended it
 * @returns the signal's name, or the exit status
 */
export function howItEnded(code: number | null, signal: NodeJS.Signals | null): string {
  const number = (code ?? 0) - 128;
  const name = Object.entries(constants.signals).find(([, value]) => value === number)?.[0];
  return signal ?? name ?? `exit status ${code}`;
}
