/**
 * A clip's prompt and answer as the rows of one pass: token ids, positions, targets; the branch rows that score all legal
 * answers at once; who sees whom; and the mask made visible.
 * @module example
 */
export * from './attention-bias.ts';
export * from './batch.ts';
export * from './example.ts';
export * from './join-questions.ts';
export * from './mask.ts';
export * from './positions.ts';
export * from './scoring-example.ts';
export * from './vision.ts';
