// Scores the validation rows with the present parameters.
import { plcc, rmse, srcc } from '../metrics/index.ts';
import type { Readout } from '../score/index.ts';
import type { ClipStore } from './clip-store.ts';
import type { TrainRow } from './data.ts';
import type { ValidationScores } from './events.ts';

/** Clips scored by one run of the graph. */
const BATCH = 4;

/**
 * Scores rows and compares with their opinion scores, both on the manifest's scale.
 * @param readout - the compiled pass
 * @param parameters - current values
 * @param rows - at least one
 * @param store - gives their clips
 */
export async function validate(
  readout: Readout,
  parameters: ReadonlyMap<string, Float32Array>,
  rows: readonly TrainRow[],
  store: ClipStore,
): Promise<ValidationScores> {
  const predictions: number[] = [];
  for (let i = 0; i < rows.length; i += BATCH) {
    const clips = await Promise.all(rows.slice(i, i + BATCH).map((row) => store.get(row)));
    for (const { score } of await readout.read(parameters, clips)) predictions.push(score);
  }
  return compareScores(
    predictions,
    rows.map(({ mos }) => mos),
  );
}

/**
 * The statistics of a validation.
 * @param predictions - scores
 * @param mos - opinion scores
 */
export function compareScores(predictions: readonly number[], mos: readonly number[]): ValidationScores {
  const [s, p, r] = [srcc(predictions, mos), plcc(predictions, mos), rmse(predictions, mos)];
  const value = (stat: typeof s): number | null => (stat.defined ? stat.value : null);
  const [rank, linear] = [value(s), value(p)];
  return {
    srcc: rank,
    plcc: linear,
    challenge: rank === null || linear === null ? null : (rank + linear) / 2,
    rmse: value(r)!,
    undefinedBecause: s.defined ? '' : s.reason,
  };
}
