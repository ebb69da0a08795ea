import { describe, expect, it } from 'vitest';
import type { AdvisedRun, Evaluated } from '../../src/train/advice.ts';
import { evaluationAdvice, openingAdvice } from '../../src/train/advice.ts';
import { resolveRecipe } from '../../src/train/index.ts';

const recipeOf = (recipe: 'paper' | null) =>
  resolveRecipe({ base: { recipe, model: 'm', out: 'o', data: { manifest: 't.csv' } } });
const run: AdvisedRun = { recipe: recipeOf('paper').recipe, totalSteps: 72, numValidation: 10 };

/** A run of six evaluations, twelve updates apart. */
function history(values: Partial<Record<'challenge' | 'legalMass' | 'rmse', (number | null)[]>>): Evaluated[] {
  return Array.from({ length: 6 }, (_, i): Evaluated => {
    const challenge = values.challenge === undefined ? 0.5 : values.challenge[i]!;
    return {
      step: 12 * (i + 1),
      srcc: challenge,
      plcc: challenge,
      challenge,
      rmse: values.rmse === undefined ? 0.8 : values.rmse[i]!,
      rmseOfMean: 1,
      legalMass: values.legalMass === undefined ? 0.99 : values.legalMass[i]!,
      undefinedBecause: '',
    };
  });
}

/** What is said after each evaluation. */
const saidBy = (events: readonly Evaluated[], about = run): string[][] =>
  events.map((_, i) => evaluationAdvice(events.slice(0, i + 1), about));

const quiet: string[] = [];

describe('advice on evaluations', () => {
  it('is none where nothing is wrong', () => {
    expect(saidBy(history({ challenge: [0.3, 0.5, 0.48, 0.55, 0.54, 0.56] })).flat()).toEqual([]);
    expect(saidBy(history({ legalMass: [0.2, 0.7, 0.93, 0.99, 0.99, 0.99] })).flat()).toEqual([]);
    expect(saidBy(history({ legalMass: [null, null, null, null, null, null] })).flat()).toEqual([]);
  });

  it('names a legalMass that falls, once, with the key to change', () => {
    const said = saidBy(history({ legalMass: [0.97, 0.95, 0.6, 0.5, 0.4, 0.4] }));
    expect(said.map((notes) => notes.length)).toEqual([0, 0, 1, 0, 0, 0]);
    expect(said[2]![0]).toMatch(
      /^legalMass fell from 0.970 \(step 12\) to 0.600 \(step 36\).*smaller optimizer.learningRate \(now 0.0003\)/,
    );
  });

  it('names one that stays low when half of the run is over', () => {
    const said = saidBy(history({ legalMass: [0.1, 0.12, 0.3, 0.5, 0.6, 0.75] }));
    expect(said.map((notes) => notes.length)).toEqual([0, 0, 1, 0, 0, 0]);
    expect(said[2]![0]).toMatch(
      /^legalMass is 0.300 at step 36 of 72.*larger optimizer.learningRate.*more epochs \(now 6\)/,
    );
  });

  it('names validation that falls and goes on falling', () => {
    const said = saidBy(history({ challenge: [0.7, 0.66, 0.4, 0.2, 0, -0.3] }));
    expect(said.map((notes) => notes.length)).toEqual([0, 0, 1, 0, 0, 0]);
    expect(said[2]![0]).toMatch(
      /^validation falls: \(SRCC \+ PLCC\) \/ 2 0.700, 0.660, 0.400 at steps 12, 24, 36 \(on 10 clips it may be chance/,
    );
    expect(said[2]![0]).toContain('evaluation.earlyStop=2');
    expect(saidBy(history({ challenge: [0.7, 0.69, 0.68, 0.67, 0.66, 0.66] })).flat()).toEqual(quiet);
    expect(saidBy(history({ challenge: [0.7, null, 0.4, 0.2, 0.1, 0] }))[4]).toHaveLength(1);
  });

  it('names an error that is not below that of the mean, at the end', () => {
    const said = saidBy(history({ rmse: [1.5, 1.3, 1.2, 1.15, 1.12, 1.1] }));
    expect(said.map((notes) => notes.length)).toEqual([0, 0, 0, 0, 0, 1]);
    expect(said[5]![0]).toMatch(
      /^RMSE 1.10 is not below 1.00, which predicting the mean.*\(on 10 clips\).*optimizer.learningRate/,
    );
    expect(saidBy(history({ rmse: [1.5, 0.9, 1.2, 1.15, 1.12, 1.1] })).flat()).toEqual([]);
  });
});

describe('advice at the beginning', () => {
  it("names the paper's learning rate for a model of another size, unless it was set", () => {
    expect(openingAdvice(recipeOf('paper'), 5.4e6)).toEqual([
      expect.stringMatching(/0.0003.*5.40 million: --set recipe=small/),
    ]);
    expect(openingAdvice(recipeOf('paper'), 3e9)).toEqual([]);
    expect(openingAdvice(recipeOf(null), 5.4e6)).toEqual([]);
  });
});
