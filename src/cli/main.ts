#!/usr/bin/env node
// The command line: what becomes of arguments and errors. The table of commands is in program/.
import { CommanderError } from 'commander';
import { UserError, packageVersion as version } from '../core/index.ts';
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
    if (error instanceof CommanderError) return error.exitCode === 0 ? status.done : status.userMistake;
    if (error instanceof UserError) {
      tell(`iovqa: ${error.message}${error.hint === undefined ? '' : `\nhint: ${error.hint}`}`);
      return status.userMistake;
    }
    tell(`iovqa ${version}: this is a bug, please report it with the lines below.`);
    tell(String(error instanceof Error ? error.stack : error));
    return status.bug;
  }
}

// Whoever reads the output may stop early, as `head` does.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(status.done);
});
process.exitCode = await main(process.argv.slice(2));
