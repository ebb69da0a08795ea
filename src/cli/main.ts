#!/usr/bin/env node
// The command line: what becomes of arguments and errors. The table of commands is in program/.
import { CommanderError } from 'commander';
import { UserError, packageVersion as version } from '../core/index.ts';
import { environmentFault } from '../files/faults.ts';
import { buildProgram } from './program/index.ts';
import { tell } from './terminal.ts';

/** Exit statuses. */
const status = { done: 0, someFailed: 1, userMistake: 2, bug: 3 } as const;

/**
 * Runs the command line.
 * @param args - arguments without node and script
 * @returns the exit status
 */
export async function main(args: readonly string[]): Promise<number> {
  try {
    await buildProgram().parseAsync([...args], { from: 'user' });
    return Number(process.exitCode ?? status.done);
  } catch (error) {
    return report(error);
  }
}

/**
 * Says what ended the command: a mistake of the user's or a fault of the environment in a line, anything else as a bug.
 * @param thrown - what was thrown
 * @returns the exit status
 */
function report(thrown: unknown): number {
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? status.done : status.userMistake;
  const error = thrown instanceof UserError ? thrown : environmentFault(thrown);
  if (error !== null) {
    tell(`iovqa: ${error.message}${error.hint === undefined ? '' : `\nhint: ${error.hint}`}`);
    return status.userMistake;
  }
  tell(`iovqa ${version}: this is a bug, please report it with the lines below.`);
  tell(String(thrown instanceof Error ? thrown.stack : thrown));
  return status.bug;
}

// A reader that stops early, as `head` does, has not got the whole result.
process.stdout.on('error', (error) => process.exit(report(Object.assign(error, { path: 'stdout' }))));
// Nobody is there to be told.
process.stderr.on('error', () => {});
// What is thrown where no command waits for it, as in the handler of an event.
process.on('uncaughtException', (error) => process.exit(report(error)));
process.exitCode = await main(process.argv.slice(2));
