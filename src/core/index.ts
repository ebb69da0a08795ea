/**
 * Errors, seeded random numbers: what every layer may use.
 * @module core
 */
export * from './errors.ts';
export * from './random.ts';
