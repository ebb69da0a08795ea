// Scores the validation rows with the present parameters.
import { UserError, show } from '../core/index.ts';
import type { Stat } from '../metrics/index.ts';
import { plcc, rmse, rmseOfMean, srcc } from '../metrics/index.ts';
import type { EncodedClip, Readout } from '../score/index.ts';
import { splitToFit } from '../score/index.ts';
import type { ClipStore } from './clip-store.ts';
import type { TrainRow } from './data.ts';
import type { ValidationScores } from './events.ts';

/** Clips scored by one run of the graph. */
export const VALIDATION_BATCH = 4;

/**
 * Scores rows and compares with their opinion scores, both on the manifest's scale. Where an answer is no score (`raw` only),
 * nothing is defined, and the reason says how many there are.
 * @param readout - the compiled pass
 * @param parameters - current values
 * @param rows - at least one
 * @param store - gives their clips
 * @throws UserError `non-finite` that names the clips whose scores are infinite or undefined
 */
export async function validate(
  readout: Readout,
  parameters: ReadonlyMap<string, Float32Array>,
  rows: readonly TrainRow[],
  store: ClipStore,
): Promise<ValidationScores> {
  const predictions: number[] = [];
  const masses: number[] = [];
  const failures: string[] = [];
  for (let i = 0; i < rows.length; i += VALIDATION_BATCH) {
    const batch = rows.slice(i, i + VALIDATION_BATCH);
    const clips = await Promise.all(batch.map((row) => store.get(row)));
    try {
      for (const some of splitToFit(clips, (part) => isRoomFor(readout, part))) {
        for (const { score, legalMass } of await readout.read(parameters, some)) {
          predictions.push(score);
          if (legalMass !== null) masses.push(legalMass);
        }
      }
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      const ids = batch.map(({ id }) => show(id)).join(', ');
      if (error.code === 'non-finite') {
        throw new UserError('non-finite', `validation, clips ${ids}: ${error.message}`, { cause: error });
      }
      failures.push(`${ids}: ${error.message}`);
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

/** Whether clips fit into memory together. */
function isRoomFor(readout: Readout, clips: readonly EncodedClip[]): boolean {
  try {
    readout.requireMemory(clips);
    return true;
  } catch (error) {
    if (error instanceof UserError) return false;
    throw error;
  }
}

/**
 * The statistics of a validation.
 * @param predictions - scores
 * @param mos - opinion scores
 */
export function compareScores(
  predictions: readonly number[],
  mos: readonly number[],
): Omit<ValidationScores, 'legalMass'> {
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
