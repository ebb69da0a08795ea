// Engines whose workers run other people's libraries: before they are trusted with a model, they score the golden pictures with the
// model that ships.
import { UserError, commandLine } from '../core/index.ts';
import type { Engine, EngineOptions, OpenEngine, Precision, RuntimeOptions } from '../engine/index.ts';
import type { Checkpoint } from '../model/index.ts';
import { embeddedAdapter, embeddedModel } from '../model/index.ts';
import { goldenDifference } from './golden.ts';
import { goldenScoresOf } from './golden-of-card.ts';
import { openModel } from './open-model.ts';

/**
 * How far a score of the model that ships may be off, whose scale is 0 to 1. `npx tsx bench/golden.ts`: rounding of float32 moves scores by
 * 1e-6 at most and of bfloat16 by 6e-3; of the mistakes tried there, the smallest moves a golden one by 2e-4 in float32.
 */
const TOLERANCE: Readonly<Record<Precision, number>> = { float32: 1e-4, bfloat16: 3e-2 };

/** Settings with which workers have answered, by what opens them. */
const trusted = new WeakMap<OpenEngine, Map<string, Promise<void>>>();

/**
 * Opens an engine. Workers of the torch engine are first asked for golden scores of the model that ships, in float32 and in the
 * precision of the run: once in a process for the same settings.
 * @param openEngine - opens it
 * @param checkpoint - the model
 * @param options - machine, cache
 * @throws UserError `not-supported` when their answers are others
 */
export async function openTrustedEngine(
  openEngine: OpenEngine,
  checkpoint: Checkpoint,
  options: EngineOptions,
): Promise<Engine> {
  const { runtime = {}, logs } = options;
  if (runtime.engine !== 'torch') return openEngine(checkpoint, options);
  const known = trusted.get(openEngine) ?? new Map<string, Promise<void>>();
  trusted.set(openEngine, known);
  const key = JSON.stringify(runtime);
  const before = known.get(key);
  if (before !== undefined) {
    await before;
    return openEngine(checkpoint, options);
  }
  const { checkpoint: small, adapter, card, folder } = await openModel(embeddedAdapter(), embeddedModel());
  const open = (how: RuntimeOptions): Promise<Engine> | Engine =>
    openEngine(small, { runtime: how, ...(logs === undefined ? {} : { logs }) });
  const check = async (engine: Engine): Promise<void> => {
    const computed = await goldenScoresOf({ engine, adapter, card: card!, folder });
    const off = goldenDifference(card!.goldenScores, computed, TOLERANCE[engine.precision]);
    if (off === null) return;
    const what = `the model that ships to score ${off.saved} for a golden picture, to ${TOLERANCE[engine.precision]}`;
    throw new UserError('not-supported', `${engine.name}: expected ${what}, got ${off.computed}`, {
      hint: `Its libraries compute another model: ${commandLine('doctor')} says which versions they are, docs/gpu.md with which it was tested.`,
    });
  };
  // Held until the model is open: the workers stay.
  await using engine = await open(runtime);
  const checking = (async () => {
    await check(engine);
    if (engine.precision === 'float32') return;
    // What rounding hides shows in float32.
    await using exact = await open({ ...runtime, precision: 'float32' });
    await check(exact);
  })();
  known.set(key, checking);
  try {
    await checking;
  } catch (error) {
    known.delete(key);
    throw error;
  }
  return await openEngine(checkpoint, options);
}
