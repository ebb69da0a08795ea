// What a user should know of how a run goes, each with the key to change: the text of `note` events.
import type { ValidationScores } from './events.ts';
import type { Recipe, ResolvedRecipe } from './recipe/index.ts';
import { SMALL_MODEL } from './recipe/index.ts';

/** An evaluation and when it was. */
export interface Evaluated extends ValidationScores {
  /** Updates done. */
  step: number;
}

/** What advice needs to know of a run. */
export interface AdvisedRun {
  /** Its recipe. */
  recipe: Pick<Recipe, 'epochs' | 'evaluation' | 'optimizer'>;
  /** Updates in all. */
  totalSteps: number;
  /** Validation clips. */
  numValidation: number;
}

/** Least share of the probability on legal answers that is no reason to worry. */
const ENOUGH_MASS = 0.9;
/** What validation must have lost over two evaluations, so that chance alone is a poor explanation. */
const FALL = 0.05;
/** Validation clips below which a correlation says little: its standard error is about 1 / √n. */
const FEW_CLIPS = 30;

/**
 * What is said at the beginning of a run: what `auto` chose, and a paper's recipe for a model that is far from the paper's.
 * @param resolved - the recipe, with the adapter's settings in it
 * @param numParameters - of the whole model
 */
export function openingAdvice({ recipe, provenance }: ResolvedRecipe, numParameters: number): string[] {
  const notes: string[] = [];
  const rate = recipe.optimizer.learningRate;
  const why = provenance.get('recipe') ?? '';
  if (why.startsWith('auto: ')) {
    const named = recipe.adapter === 'shipped' ? 'the adapter that ships' : `the adapter ${recipe.adapter}`;
    const start = recipe.adapter === null ? 'a new adapter' : named;
    const what = `it starts from ${start}, with optimizer.learningRate ${rate}`;
    notes.push(`recipe ${recipe.recipe} (${why}); ${what}. --set recipe=NAME selects another recipe`);
  }
  if (
    recipe.recipe === 'paper' &&
    numParameters < SMALL_MODEL &&
    provenance.get('optimizer.learningRate') === 'recipe paper'
  ) {
    const million = (numParameters / 1e6).toPrecision(3);
    notes.push(
      `the paper's optimizer.learningRate (${rate}) is for billions of parameters, and this model has ${million} million: --set recipe=small is for such models`,
    );
  }
  return notes;
}

/**
 * What the latest evaluation gives reason to say. Each thing is said when it first shows, and what is wrong at the end is said there.
 * @param history - all evaluations of the run so far, at least one
 */
export function evaluationAdvice(history: readonly Evaluated[], run: AdvisedRun): string[] {
  const before = history.slice(0, -1);
  const ended = history.at(-1)!.step >= run.totalSteps;
  const notes: string[] = [];
  for (const find of [fallingMass, lowMass, falling]) {
    const note = find(history, run);
    if (note !== null && (before.length === 0 || find(before, run) === null)) notes.push(note);
  }
  if (ended) notes.push(...noBetterThanMean(history, run));
  return notes;
}

type Find = (history: readonly Evaluated[], run: AdvisedRun) => string | null;

const fallingMass: Find = (history, { recipe }) => {
  const { legalMass, step } = history.at(-1)!;
  if (legalMass === null || legalMass >= ENOUGH_MASS) return null;
  const best = history.reduce((a, b) => ((b.legalMass ?? 0) > (a.legalMass ?? 0) ? b : a));
  if (best.legalMass! < legalMass + 0.1) return null;
  return (
    `legalMass fell from ${show(best.legalMass)} (step ${best.step}) to ${show(legalMass)} (step ${step}): the model unlearns how to answer; ` +
    `try a smaller optimizer.learningRate (now ${recipe.optimizer.learningRate}) or a longer schedule.warmup`
  );
};

const lowMass: Find = (history, { recipe, totalSteps }) => {
  const { legalMass, step } = history.at(-1)!;
  if (legalMass === null || legalMass >= ENOUGH_MASS || step < totalSteps / 2) return null;
  if (fallingMass(history, { recipe, totalSteps, numValidation: 0 }) !== null) return null;
  return (
    `legalMass is ${show(legalMass)} at step ${step} of ${totalSteps}: the model has not learned that its answer is a score; ` +
    `try a larger optimizer.learningRate (now ${recipe.optimizer.learningRate}) or more epochs (now ${recipe.epochs})`
  );
};

const falling: Find = (history, { recipe, numValidation }) => {
  const { metric } = recipe.evaluation;
  const last = history.slice(-3);
  const [a, b, c] = last.map((one) => one[metric]);
  if (last.length < 3 || a == null || b == null || c == null) return null;
  if (!(c < b && b < a && a - c > FALL)) return null;
  const values = [a, b, c].map(show).join(', ');
  const few =
    numValidation < FEW_CLIPS ? ` (on ${numValidation} clips it may be chance; data.validation holds out more)` : '';
  return (
    `validation falls: ${metric === 'challenge' ? '(SRCC + PLCC) / 2' : metric.toUpperCase()} ${values} at steps ` +
    `${last.map(({ step }) => step).join(', ')}${few}; try a smaller optimizer.learningRate (now ${recipe.optimizer.learningRate}), ` +
    `fewer epochs (now ${recipe.epochs}), or evaluation.earlyStop=2`
  );
};

function noBetterThanMean(history: readonly Evaluated[], { recipe, numValidation }: AdvisedRun): string[] {
  const errors = history.flatMap(({ rmse, rmseOfMean }) =>
    rmse === null || rmseOfMean === null ? [] : [rmse / rmseOfMean],
  );
  const { rmse, rmseOfMean } = history.at(-1)!;
  if (errors.length === 0 || Math.min(...errors) < 1 || rmse === null || rmseOfMean === null) return [];
  const few = numValidation < FEW_CLIPS ? ` (on ${numValidation} clips)` : '';
  return [
    `RMSE ${show(rmse)} is not below ${show(rmseOfMean)}, which predicting the mean for every clip would have${few}: nothing was learned that ` +
      `holds for other clips; try another optimizer.learningRate (now ${recipe.optimizer.learningRate}), more epochs (now ${recipe.epochs}) or more clips`,
  ];
}

const show = (value: number | null): string => (value === null ? '–' : value.toPrecision(3));
