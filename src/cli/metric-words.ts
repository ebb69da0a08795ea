// What metrics and p-values are called in tables.
import type { ComparedMetric } from '../metrics/index.ts';
import type { Cell } from './output.ts';

/** Names of the metrics. */
export const metricTitles: Readonly<Record<ComparedMetric, string>> = {
  challenge: '(SRCC+PLCC)/2',
  srcc: 'SRCC',
  plcc: 'PLCC',
  krcc: 'KRCC',
  rmse: 'RMSE',
};

/**
 * A p-value.
 * @param p - null where it cannot be had
 */
export const probability = (p: number | null): Cell => (p === null ? null : p < 0.0001 ? '<0.0001' : p.toFixed(4));
