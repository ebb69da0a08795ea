/**
 * Errors, seeded random numbers: what every layer may use.
 * @module core
 */
export { onAbort } from './abort.ts';
export type { ApartLimits } from './apart.ts';
export { runApart } from './apart.ts';
export type { Disposer } from './disposer.ts';
export { createDisposer } from './disposer.ts';
export type { UserErrorCode, UserErrorDetails } from './errors.ts';
export { invariant, nearest, oneLine, plainText, printable, show, UserError, whatCame } from './errors.ts';
export { forkModule } from './fork-module.ts';
export { callForkedWork, serveForkedWork } from './forked-work.ts';
export { commandLine, shellWord } from './invocation.ts';
export { machineMemory } from './memory.ts';
export type { Provider } from './providers.ts';
export { providers } from './providers.ts';
export type { RandomStream } from './random.ts';
export { hashKey, mix32, randomStream, shuffledIndices } from './random.ts';
export { formatSize, parseSize } from './size.ts';
export { packageVersion } from './version.ts';
