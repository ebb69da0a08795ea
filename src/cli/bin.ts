#!/usr/bin/env node
// The program: the command line on this process.
import { main, report } from './main.ts';
import { Terminal } from './terminal.ts';

const terminal = new Terminal(process);
const fail = (error: unknown): never => process.exit(report(terminal, error));

// A reader that stops early, as `head` does, has not got the whole result.
process.stdout.on('error', (error) => fail(Object.assign(error, { path: 'stdout' })));
// Nobody is there to be told.
process.stderr.on('error', () => {});
// What is thrown where no command waits for it, as in the handler of an event.
process.on('uncaughtException', fail);
process.exitCode = await main(process.argv.slice(2), terminal);
