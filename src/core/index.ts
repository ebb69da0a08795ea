/**
 * Errors, seeded random numbers: what every layer may use.
 * @module core
 */
export * from './abort.ts';
export * from './apart.ts';
export * from './disposer.ts';
export * from './errors.ts';
export * from './fork-module.ts';
export * from './invocation.ts';
export * from './memory.ts';
export * from './random.ts';
export * from './size.ts';
export * from './version.ts';
