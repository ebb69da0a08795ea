// Starts a module of this project in a process of its own, from source and from a package alike.
import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

/**
 * Forks a module. Its stdin and stdout lead nowhere, stderr is a pipe; the two speak by messages.
 * @param from - `import.meta.url` of the caller
 * @param name - the module relative to it, without its ending
 */
export function forkModule(from: string, name: string): ChildProcess {
  const isSource = from.endsWith('.ts'); // run from source (tests, tsx), or compiled
  const main = fileURLToPath(new URL(`${name}.${isSource ? 'ts' : 'js'}`, from));
  const loader = isSource ? ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href] : [];
  return fork(main, [], { execArgv: loader, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
}
