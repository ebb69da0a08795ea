// The engine of the project: graphs of its own, run by ONNX Runtime.
import { UserError, createDisposer } from '../../core/index.ts';
import type { RunOptions } from '../../graph/index.ts';
import type { Checkpoint, LoraOptions } from '../../model/index.ts';
import { blameWeights, visionPart } from '../../model/index.ts';
import { defaultMaxMemory } from '../memory-limit.ts';
import type { AttachedModel, Engine, EngineOptions } from '../types.ts';
import { compileAnswerScorer } from './answer-graph.ts';
import type { AttachParts, PassShape } from './attached-model.ts';
import { attachModel } from './attached-model.ts';
import { compileGenerator } from './generate.ts';
import type { Lazy, Unloadable } from './lazy.ts';
import { lazily } from './lazy.ts';
import { patchesOf } from './model.ts';
import type { SessionUse } from './residency.ts';
import { LARGE_MODEL_BYTES, createResidency, weightBytes } from './residency.ts';
import { compileTextPast } from './shared-text.ts';
import { compileTower } from './tower.ts';

/** How the ONNX engine is opened. */
export interface OnnxEngineOptions extends EngineOptions {
  /** Bytes of weights from which on sessions make room for each other; default 1 GB. */
  largeModelBytes?: number;
  /** Is told what sessions were for that made room. */
  onUnload?: (use: SessionUse) => void;
}

/**
 * Opens a base model. Sessions are compiled when they are first needed.
 * @param options - provider, threads, memory, cache
 */
export function openOnnxEngine(checkpoint: Checkpoint, options: OnnxEngineOptions = {}): Engine {
  const { store = null, largeModelBytes = LARGE_MODEL_BYTES } = options;
  const run: RunOptions = options.runtime ?? {};
  const disposer = createDisposer();
  const residency = createResidency(weightBytes(checkpoint) >= largeModelBytes, options.onUnload);
  const own = <T extends Unloadable>(use: SessionUse, open: () => Promise<T>): Lazy<T> =>
    residency.add(use, disposer.own(lazily(open)));
  const shared = new Map<string, Unloadable>();
  /** One session for all adapters of a shape; their dropout does not matter where nothing is dropped. */
  const once = <T extends Unloadable>(what: string, shape: unknown, open: () => Promise<T>): Lazy<T> => {
    const key = JSON.stringify([what, shape]);
    const known = shared.get(key) ?? own('predict', open);
    shared.set(key, known);
    return known as Lazy<T>;
  };
  const still = (lora: LoraOptions | null): LoraOptions | null => (lora === null ? null : { ...lora, dropout: 0 });
  const passOf = ({ lora, frozen }: PassShape) => ({ model: checkpoint, lora: still(lora), frozen, run });

  const attached = new Set<AttachedModel>();
  const tower = own('encode', () => compileTower(checkpoint, run));
  const explain = (error: unknown): Promise<unknown> => blameWeights(checkpoint, error);
  const parts: AttachParts = {
    checkpoint,
    run,
    maxMemory: options.maxMemory ?? ((run.provider ?? 'cpu') === 'cpu' ? defaultMaxMemory() : Infinity),
    store,
    residency,
    explain,
    scorer: ({ numColumns, ...shape }) =>
      once('score', [still(shape.lora), shape.frozen, numColumns], () =>
        compileAnswerScorer({ ...passOf({ ...shape, numColumns }), numColumns }),
      ),
    generator: (shape) => once('generate', [still(shape.lora), shape.frozen], () => compileGenerator(passOf(shape))),
    sharedText: (lora) => once('text', still(lora), () => compileTextPast(checkpoint, still(lora), run)),
  };
  return {
    name: 'onnx',
    precision: 'float32',
    checkpoint,
    tower: visionPart(checkpoint, run, store),
    warmUp: () => {
      tower.get().catch(() => {}); // what goes wrong is met when it runs
    },
    encode: async (pictures) => {
      const features = await (await tower.get()).encode(patchesOf(pictures));
      const bad = features.find((value) => !Number.isFinite(value));
      if (bad === undefined) return features;
      // Before they are kept: the fault is the model's, not the clip's.
      throw await explain(new UserError('non-finite', `expected finite vision features, got ${bad}`));
    },
    attach: async (what) => {
      const model = await attachModel(parts, what);
      const free = model[Symbol.asyncDispose];
      const attachedModel = Object.defineProperty(model, Symbol.asyncDispose, {
        value: async () => {
          attached.delete(model);
          await free();
        },
      });
      attached.add(model);
      return attachedModel;
    },
    unload: () => residency.unload(),
    [Symbol.asyncDispose]: async () => {
      for (const model of attached) await model[Symbol.asyncDispose]();
      await disposer[Symbol.asyncDispose]();
    },
  };
}
