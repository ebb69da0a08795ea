// Scores the validation rows with the present parameters.
import pMap from 'p-map';
import { UserError, show } from '../core/index.ts';
import type { Stat } from '../metrics/index.ts';
import { plcc, rmse, rmseOfMean, srcc } from '../metrics/index.ts';
import type { ClipPredictor, Prediction } from '../score/index.ts';
import type { ClipStore } from './clip-store.ts';
import type { RatedRow } from './data.ts';
import type { ValidationScores } from './events.ts';

/** Clips predicted together. */
export const VALIDATION_BATCH = 4;

/**
 * Scores rows and compares with their opinion scores, both on the manifest's scale. Where an answer is no score (`raw` only),
 * nothing is defined, and the reason says how many there are.
 * @param predictor - the model with its present parameters
 * @param rows - at least one
 * @param store - gives their clips
 * @throws UserError `non-finite` that names the clip whose score is infinite or undefined
 */
export async function validate(
  predictor: ClipPredictor,
  rows: readonly RatedRow[],
  store: ClipStore,
): Promise<ValidationScores> {
  const predictions: number[] = [];
  const masses: number[] = [];
  const failures: string[] = [];
  const batches = Array.from({ length: Math.ceil(rows.length / VALIDATION_BATCH) }, (_, i) =>
    rows.slice(i * VALIDATION_BATCH, (i + 1) * VALIDATION_BATCH),
  );
  const predict = async (batch: readonly RatedRow[]): Promise<(Prediction | UserError)[]> =>
    predictor.predict(await Promise.all(batch.map((row) => store.get(row))), { batching: 'as-given' });
  const predicted = await pMap(batches, predict, { concurrency: predictor.predictsAhead });
  for (const [i, batch] of batches.entries()) {
    for (const [n, result] of predicted[i]!.entries()) {
      const id = show(batch[n]!.id);
      if (!(result instanceof UserError)) {
        predictions.push(result.score);
        if (result.legalMass !== null) masses.push(result.legalMass);
      } else if (result.code === 'non-finite') {
        const hint = result.hint === undefined ? {} : { hint: result.hint };
        throw new UserError('non-finite', `validation, clip ${id}: ${result.message}`, { ...hint, cause: result });
      } else failures.push(`${id}: ${result.message}`);
    }
  }
  const mos = rows.map((row) => row.mos);
  if (failures.length > 0) {
    const undefinedBecause = `answers that are no scores, the first of ${failures[0]}`;
    const none = { srcc: null, plcc: null, challenge: null, rmse: null, legalMass: null };
    return { ...none, rmseOfMean: value(rmseOfMean(mos)), undefinedBecause };
  }
  const legalMass = masses.length === 0 ? null : masses.reduce((sum, mass) => sum + mass, 0) / masses.length;
  return { ...compareScores(predictions, mos), legalMass };
}

/**
 * The statistics of a validation.
 * @param predictions - scores
 * @param mos - opinion scores
 */
function compareScores(predictions: readonly number[], mos: readonly number[]): Omit<ValidationScores, 'legalMass'> {
  const [s, p, r] = [srcc(predictions, mos), plcc(predictions, mos), rmse(predictions, mos)];
  const [rank, linear] = [value(s), value(p)];
  return {
    srcc: rank,
    plcc: linear,
    challenge: rank === null || linear === null ? null : (rank + linear) / 2,
    rmse: value(r),
    rmseOfMean: value(rmseOfMean(mos)),
    undefinedBecause: s.defined ? '' : s.reason,
  };
}

const value = (stat: Stat): number | null => (stat.defined ? stat.value : null);
