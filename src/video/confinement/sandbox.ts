// What the operating system does here to confine a decoding process: found out once, by trying it.
import { execFile } from 'node:child_process';
import { UserError, show } from '../../core/index.ts';
import { bubblewrapArguments } from './bubblewrap.ts';
import { syscallFilters } from './filters.ts';
import { ownCode } from './own-code.ts';
import type { OwnCode } from './own-code.ts';
import { limitedBy } from './limits.ts';
import { findTool } from './tools.ts';
import type { Tools } from './tools.ts';

/** Whether clips are decoded in a sandbox of the operating system: only so, where it can be had, or never. */
export type SandboxMode = 'required' | 'auto' | 'off';

/** All modes. */
const sandboxModes: readonly SandboxMode[] = ['required', 'auto', 'off'];

/** Why programs that limit a process do not work here. */
export type Refusals = Partial<Record<'prlimit' | 'setpriv', string>>;

/** How decoding processes are confined. */
export interface Confinement {
  /** Bubblewrap, which is a sandbox; or limits of resources and of privileges alone; or nothing. */
  level: 'bubblewrap' | 'limits' | 'none';
  /** Why it is no sandbox; undefined where it is one. */
  why: string | undefined;
  /** The programs that confine. */
  tools: Tools;
  /** Why a program that is installed is none of them, by its name. */
  refusals: Refusals;
  /** What is run. */
  code: OwnCode;
}

/**
 * The mode that the environment asks for.
 * @param env - `IOVQA_SANDBOX`: `required`, `auto` (default) or `off`
 * @returns the mode
 * @throws UserError `bad-input` for another word
 */
export function sandboxMode(env: NodeJS.ProcessEnv = process.env): SandboxMode {
  const text = env['IOVQA_SANDBOX'] || 'auto';
  const mode = sandboxModes.find((one) => one === text);
  if (mode !== undefined) return mode;
  throw new UserError('bad-input', `IOVQA_SANDBOX: expected required, auto or off, got ${show(text)}`);
}

let found: Promise<Confinement> | undefined;

/**
 * The best confinement that there is here. It is tried once in a process: bubblewrap may be installed and not be allowed to work.
 * @returns how decoding processes are confined
 */
export function bestConfinement(): Promise<Confinement> {
  return (found ??= find());
}

/**
 * The confinement of a mode.
 * @returns how decoding processes are confined
 * @throws UserError `not-supported` where a sandbox is required and there is none; the message says why
 */
export async function confinementFor(mode: SandboxMode): Promise<Confinement> {
  if (mode === 'off')
    return { level: 'none', why: 'it is switched off', tools: noTools, refusals: {}, code: await ownCode() };
  const best = await bestConfinement();
  if (mode === 'required' && best.level !== 'bubblewrap') {
    throw new UserError('not-supported', `sandbox: expected bubblewrap to decode in, got none: ${best.why}`, {
      hint: 'Install bubblewrap (Linux), or decode without it: --sandbox auto.',
    });
  }
  return best;
}

let listener: ((text: string) => void) | undefined;
let isAnnounced = false;

/**
 * Who is told, once in a process, that clips are decoded without a sandbox although one would have been taken.
 * @param tell - takes one line; undefined for nobody
 */
export function onUnconfined(tell: ((text: string) => void) | undefined): void {
  listener = tell;
}

/**
 * Says so where there is no sandbox, or where limits cannot be set.
 * @param confinement - what there is
 */
export function announce({ level, why, refusals }: Confinement): void {
  if (isAnnounced) return;
  isAnnounced = true;
  if (level !== 'bubblewrap') listener?.(`clips are decoded without a sandbox: ${why}`);
  const { prlimit, setpriv } = refusals;
  if (prlimit !== undefined) listener?.(`clips are decoded without limits of the system's: ${prlimit}`);
  if (setpriv !== undefined) listener?.(`decoding processes may get new privileges: ${setpriv}`);
}

const noTools: Tools = { bwrap: undefined, prlimit: undefined, setpriv: undefined };

async function find(): Promise<Confinement> {
  const code = await ownCode();
  if (process.platform !== 'linux') {
    return {
      level: 'none',
      why: `bubblewrap is a program of Linux, and this is ${process.platform}`,
      tools: noTools,
      refusals: {},
      code,
    };
  }
  const tools: Tools = { bwrap: findTool('bwrap'), prlimit: findTool('prlimit'), setpriv: findTool('setpriv') };
  const refusals: Refusals = {};
  let why = await whyNoBubblewrap(tools, code);
  if (why === undefined) return { level: 'bubblewrap', why, tools, refusals, code };
  // What stands before bubblewrap may be what fails.
  for (const name of ['prlimit', 'setpriv'] as const) {
    const before = limitedBy({ ...noTools, [name]: tools[name] }, trialSeconds);
    const refusal = before.length === 0 ? undefined : await whyNot(name, before);
    if (refusal === undefined) continue;
    refusals[name] = refusal;
    tools[name] = undefined;
  }
  if (refusals.prlimit !== undefined) why = await whyNoBubblewrap(tools, code);
  if (why === undefined) return { level: 'bubblewrap', why, tools, refusals, code };
  const hasLimits = tools.prlimit !== undefined || tools.setpriv !== undefined;
  return { level: hasLimits ? 'limits' : 'none', why, tools, refusals, code };
}

/** Processor time of a process that is tried, in seconds: about that of one that decodes. */
const trialSeconds = 3600;

/** Starts Node.js in the sandbox that a decoding process gets, and asks for its version. */
async function whyNoBubblewrap({ bwrap, prlimit }: Tools, code: OwnCode): Promise<string | undefined> {
  if (bwrap === undefined) return 'bwrap is not installed';
  const filter = syscallFilters[process.arch];
  if (filter === undefined) return `there is no system-call filter for ${process.arch}`;
  const before = limitedBy({ prlimit, setpriv: undefined }, trialSeconds);
  return whyNot('bwrap', [...before, bwrap, ...bubblewrapArguments(code.files, [], 0)], filter.single);
}

/** Starts Node.js behind other programs, and asks for its version. What goes to stdin is in Base64. */
async function whyNot(name: string, before: readonly string[], input: string = ''): Promise<string | undefined> {
  const [file, ...args] = [...before, process.execPath, '--version'];
  return new Promise((resolve) => {
    const child = execFile(file, args, { env: {}, timeout: 60_000 }, (error, stdout, stderr) => {
      const works = !error && stdout.trim() === process.version;
      const said = stderr.trim().split('\n').at(-1) || error?.message || `an answer ${show(stdout)}`;
      resolve(works ? undefined : `${name} is installed but cannot be used here (${said})`);
    });
    child.stdin!.on('error', () => {}); // it ended before it read
    child.stdin!.end(Buffer.from(input, 'base64'));
  });
}
