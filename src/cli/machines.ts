// Several machines on a command line: which of them this one is, and what it does as such.
import { UserError, commandLine } from '../core/index.ts';
import type { Machines } from '../engine/index.ts';
import { joinMachines, openMachines } from '../engine/index.ts';
import { slurmStep } from './slurm.ts';
import { untilStopped } from './stop.ts';
import type { Terminal } from './terminal.ts';

/** Flags of commands that compute on several machines. They say what the machines are, not what the run is: no recipe has them. */
export interface MachineFlags {
  /** How many machines. */
  nodes?: number;
  /** HOST:PORT of the first one. */
  master?: string;
}

/** Fewest characters of the secret. */
const MIN_SECRET = 16;

/** What this machine is by flags. */
export type FlagRole = { kind: 'alone' } | { kind: 'first'; nodes: number; master: string };
/** What this machine is. */
export type MachineRole = FlagRole | { kind: 'other'; master: string };

/**
 * What this machine is by its flags.
 * @param flags - of the command
 * @throws UserError `bad-input` for flags that do not go together
 */
export function flagRole({ nodes = 1, master }: MachineFlags): FlagRole {
  if (nodes === 1 && master === undefined) return { kind: 'alone' };
  if (nodes === 1) {
    throw new UserError('bad-input', '--master: expected --nodes N beside it, for N machines, got none', {
      hint: `On other machines than the first: ${commandLine(`worker --master ${master}`)}`,
    });
  }
  if (nodes < 1) throw new UserError('bad-input', `--nodes: expected a whole number of at least 1, got ${nodes}`);
  if (master === undefined) {
    throw new UserError('bad-input', `--nodes ${nodes}: expected --master HOST:PORT beside it, got none`, {
      hint: 'HOST is an address of this machine that the others reach.',
    });
  }
  return { kind: 'first', nodes, master };
}

/**
 * What this machine is by its flags, or by what srun says.
 * @param flags - of the command; with `--nodes`, srun is not asked
 * @param environment - variables of the process
 * @throws UserError `bad-input` for flags that do not go together
 */
export function machineRole(flags: MachineFlags, environment: NodeJS.ProcessEnv): MachineRole {
  const step = flags.nodes === undefined ? slurmStep(environment) : null;
  if (step === null) return flagRole(flags);
  const { nodes, node, master } = { ...step, ...(flags.master === undefined ? {} : { master: flags.master }) };
  return node === 0 ? { kind: 'first', nodes, master } : { kind: 'other', master };
}

/**
 * Does a command's work, with the other machines at hand; at its end they are told that it is over.
 * @param terminal - the screen of the command
 * @param role - from {@link machineRole} or {@link flagRole}
 * @param signal - ends the waiting for others; undefined for none
 * @param work - gets the machines; undefined where this one is alone
 */
export async function onMachines<T>(
  terminal: Terminal,
  role: FlagRole,
  signal: AbortSignal | undefined,
  work: (machines: Machines | undefined) => Promise<T>,
): Promise<T> {
  if (role.kind === 'alone') return work(undefined);
  const { nodes, master } = role;
  const onNote = (text: string): void => terminal.tell(text);
  const secret = secretOf(terminal.io.env);
  const machines = await openMachines({ nodes, master, secret, onNote, ...(signal === undefined ? {} : { signal }) });
  try {
    const result = await work(machines);
    await machines.end();
    return result;
  } catch (error) {
    await machines.end(error instanceof Error ? error.message : String(error));
    throw error;
  }
}

/**
 * Computes for a run of the first machine.
 * @param terminal - the screen of the command
 * @param master - HOST:PORT
 * @param python - of the torch engine
 */
export async function workForOther(terminal: Terminal, master: string, python: string | undefined): Promise<void> {
  const secret = secretOf(terminal.io.env);
  await untilStopped(terminal, 'stopping when the run is over; once more stops at once', async (signal) => {
    const error = await joinMachines({ master, secret, python, signal, onNote: (text) => terminal.tell(text) });
    terminal.tell(error === null ? 'the run is over' : `the run has ended with an error: ${error}`);
    if (error !== null) terminal.exitStatus = 1;
  });
}

function secretOf(environment: NodeJS.ProcessEnv): string {
  const secret = environment['IOVQA_TOKEN'] ?? '';
  if (secret.length >= MIN_SECRET) return secret;
  const got = secret === '' ? 'none' : `${secret.length} characters`;
  throw new UserError(
    'bad-input',
    `IOVQA_TOKEN: expected the same secret of at least ${MIN_SECRET} characters on all machines, got ${got}`,
    { hint: 'export IOVQA_TOKEN=$(openssl rand -hex 32) makes one; set it on the other machines, too.' },
  );
}
