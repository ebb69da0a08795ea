// The command line: what becomes of arguments and errors. The table of commands is in program/; bin.ts runs this.
import { CommanderError } from 'commander';
import { UserError, packageVersion as version } from '../core/index.ts';
import { environmentFault } from '../files/faults.ts';
import { buildProgram } from './program/index.ts';
import type { Terminal } from './terminal.ts';

/** Exit statuses. */
const status = { done: 0, userMistake: 2, bug: 3 } as const;

/**
 * Runs the command line. Nothing of the process is touched but by what commands do: one that decodes says by `IOVQA_SANDBOX` how.
 * @param args - arguments without node and script
 * @param terminal - where results and notes go
 * @returns the exit status
 */
export async function main(args: readonly string[], terminal: Terminal): Promise<number> {
  try {
    await buildProgram(terminal).parseAsync([...args], { from: 'user' });
    return terminal.exitStatus;
  } catch (error) {
    return report(terminal, error);
  }
}

/**
 * Says what ended the command: a mistake of the user's or a fault of the environment in a line, anything else as a bug.
 * @param terminal - where it is said
 * @param thrown - what was thrown
 * @returns the exit status
 */
export function report(terminal: Terminal, thrown: unknown): number {
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? status.done : status.userMistake;
  const error = thrown instanceof UserError ? thrown : environmentFault(thrown);
  if (error !== null) {
    terminal.tell(`iovqa: ${error.message}${error.hint === undefined ? '' : `\nhint: ${error.hint}`}`);
    return status.userMistake;
  }
  terminal.tell(`iovqa ${version}: this is a bug, please report it with the lines below.`);
  terminal.tell(String(thrown instanceof Error ? thrown.stack : thrown));
  return status.bug;
}
