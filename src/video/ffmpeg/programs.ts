// The system's `ffmpeg` and `ffprobe`: where they are, and what they say of themselves.
import { execFile } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { UserError, oneLine } from '../../core/index.ts';
import { findTool } from '../confinement/tools.ts';
import type { DecoderBuild } from '../decoder-build.ts';
import { licenceOf } from '../decoder-build.ts';

/** FFmpeg's programs of the system. */
export interface SystemFfmpeg extends DecoderBuild {
  /** Name and version, as plans and cards have it: `ffmpeg 5.1.9`. */
  name: string;
  /** Path of `ffmpeg`. */
  ffmpeg: string;
  /** Path of `ffprobe`. */
  ffprobe: string;
}

/** The first version with all options that are used (`-fps_mode`). */
const oldest = [5, 1] as const;

let found: Promise<SystemFfmpeg> | undefined;

/**
 * FFmpeg's programs, looked for once in a process.
 * @returns where they are, and what they are
 * @throws UserError `not-supported` where one is missing, does not run, or is too old
 */
export function systemFfmpeg(): Promise<SystemFfmpeg> {
  return (found ??= find());
}

async function find(): Promise<SystemFfmpeg> {
  const [ffmpeg, ffprobe] = [programOf('ffmpeg'), programOf('ffprobe')];
  const { version, configuration } = await describe(ffmpeg, 'ffmpeg');
  const probe = await describe(ffprobe, 'ffprobe');
  if (probe.version !== version) {
    const got = `${ffmpeg} of version ${version} and ${ffprobe} of version ${probe.version}`;
    throw new UserError('not-supported', `--decoder ffmpeg: expected ffmpeg and ffprobe of one version, got ${got}`);
  }
  const numbers = /^n?(\d+)\.(\d+)(?:\.\d+)*/.exec(version);
  // A version that is no number is a build of the newest source.
  const [major = Infinity, minor = 0] = numbers ? numbers.slice(1).map(Number) : [];
  if (major < oldest[0] || (major === oldest[0] && minor < oldest[1])) {
    throw new UserError('not-supported', `ffmpeg: expected version ${oldest.join('.')} or later, got ${version}`, {
      hint: 'Install a later one, or decode with node-av: --decoder node-av.',
    });
  }
  const name = `ffmpeg ${(numbers?.[0] ?? version).replace(/^n/, '')}`;
  return { name, ffmpeg, ffprobe, version, configuration, licence: licenceOf(configuration) };
}

function programOf(name: string): string {
  const path = findTool(process.platform === 'win32' ? `${name}.exe` : name);
  // A confined process sees the program itself and no link to it.
  if (path !== undefined) return realpathSync(path);
  // In the message: errors of single clips are told without hints.
  const get = 'install it (the package ffmpeg of Debian and Ubuntu), or use --decoder node-av';
  throw new UserError('not-supported', `--decoder ffmpeg: expected the program ${name}, got none on the PATH: ${get}`);
}

async function describe(path: string, name: string): Promise<{ version: string; configuration: string }> {
  const text = await new Promise<string>((resolve, reject) => {
    execFile(path, ['-version'], { timeout: 60_000 }, (error, stdout) => {
      if (error) reject(error);
      else resolve(stdout);
    });
  }).catch((cause: Error) => {
    const got = oneLine(cause.message.split('\n')[0]!);
    throw new UserError('not-supported', `--decoder ffmpeg: expected ${path} to run, got ${got}`, { cause });
  });
  return {
    version: new RegExp(`^${name} version (\\S+)`).exec(text)?.[1] ?? 'unknown',
    configuration: /^configuration: ?(.*)$/m.exec(text)?.[1] ?? '',
  };
}

/**
 * What a confined process must see to run them: the programs, and libraries that came with them elsewhere than the system's.
 * @param programs - where they are
 * @returns files and folders
 */
export function filesOf({ ffmpeg, ffprobe }: Pick<SystemFfmpeg, 'ffmpeg' | 'ffprobe'>): string[] {
  const real = [ffmpeg, ffprobe].map((path) => realpathSync(path));
  const beside = real.map((path) => join(dirname(dirname(path)), 'lib')).filter((folder) => existsSync(folder));
  return [...new Set([...real, ...beside])];
}
