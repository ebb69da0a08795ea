/**
 * Agreement of scores with opinion scores: correlations, logistic maps, intervals, comparisons. Pure functions.
 * @module metrics
 */
export * from './bootstrap.ts';
export * from './evaluate.ts';
export * from './kendall.ts';
export * from './logistic.ts';
export * from './order.ts';
export * from './statistics.ts';
export * from './votes/index.ts';
export * from './weighted.ts';
