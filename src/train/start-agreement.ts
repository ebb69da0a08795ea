// Whether the adapter that a run starts from already knows its clips. Then there is little to learn from a hundred more of the kind, and
// training as if there were much makes it worse (docs/log/small-models.md).
import { shuffledIndices } from '../core/index.ts';
import type { TrainingSetup } from './setup.ts';
import { validate } from './validate.ts';

/** Clips that tell. */
const ENOUGH_CLIPS = 200;
/** Share of the mean's squared error that a start which knows the clips has at most. Errors count, and not ranks alone: a start that ranks
 * well on another scale has much to learn. */
const FAMILIAR = 0.75;
const STREAM = 11;

/** How well a run's start predicts the clips that are to train it. */
export interface StartAgreement {
  /** Whether it is trained gently. */
  isFamiliar: boolean;
  /** What was found, and what follows, in a line. */
  text: string;
}

/**
 * Scores training clips with the adapter that a run starts from. It has not seen them, so all of them are a test of it.
 * @param setup - the run before its first update
 */
export async function agreementOfStart({
  recipe,
  data,
  store,
  predictor,
}: Pick<TrainingSetup, 'recipe' | 'data' | 'store' | 'predictor'>): Promise<StartAgreement> {
  const order = shuffledIndices(data.train.length, recipe.seed, STREAM).slice(0, ENOUGH_CLIPS);
  const rows = order.map((i) => data.train[i]!);
  const { srcc, rmse, rmseOfMean } = await validate(predictor, rows, store);
  const isFamiliar = rmse !== null && rmseOfMean !== null && rmse ** 2 <= FAMILIAR * rmseOfMean ** 2;
  const [rank, error, ofMean] = [srcc, rmse, rmseOfMean].map((value) => value?.toPrecision(3) ?? 'undefined');
  const { learningRate, gentleLearningRate } = recipe.optimizer;
  const found = `the adapter that training starts from has SRCC ${rank} and RMSE ${error} (mean ${ofMean}) on ${rows.length} training clips`;
  return {
    isFamiliar,
    text: isFamiliar
      ? `${found}: it predicts them already, so it is trained at optimizer.gentleLearningRate ${gentleLearningRate}`
      : `${found}: it does not predict them yet, so it is trained at optimizer.learningRate ${learningRate}`,
  };
}
