/**
 * Scoring: the distribution over all legal answers from one forward pass, and what is read out of it.
 * @module score
 */
export * from './answer-graph.ts';
export * from './ask.ts';
export * from './batches.ts';
export * from './beginning.ts';
export * from './card.ts';
export * from './clip-cache.ts';
export * from './clip-data.ts';
export * from './clip-encoder.ts';
export * from './clip-limits.ts';
export * from './clip-viewer.ts';
export * from './distribution.ts';
export * from './export.ts';
export * from './generate.ts';
export * from './golden.ts';
export * from './member.ts';
export * from './open-model.ts';
export * from './plan-memo.ts';
export * from './read-clips.ts';
export * from './read-group.ts';
export * from './readout.ts';
export * from './scorer.ts';
export * from './scores-file/index.ts';
export * from './settings.ts';
export * from './shared-parts.ts';
export * from './stream.ts';
