// An engine of a few lines that computes without a model: each clip's score is a line through the mean of its features, which gradient
// descent fits. What the training loop needs of an engine is all here, and nothing of ONNX.
import type { AnswerDistribution, AttachedModel, Engine, OpenEngine } from '../../src/engine/index.ts';
import type { PreparedExample } from '../../src/inputs/index.ts';

/** Calls that were made. */
export interface Calls {
  encoded: number;
  updates: number;
  predicted: number;
}

const seenOf = ({ vision }: PreparedExample): number => {
  if (vision.kind !== 'features') throw new Error('this engine takes features');
  return vision.features[0]!;
};

/** Opens fake engines; `stuck` ones never learn. */
export function fakeEngine(calls: Calls, stuck = false): OpenEngine {
  return (checkpoint): Engine => ({
    name: 'fake',
    precision: 'float32',
    checkpoint,
    tower: { what: 'vision', key: () => Promise.resolve('fake'), isCurrent: () => Promise.resolve(true) },
    warmUp: () => {},
    encode: ([picture]) => {
      calls.encoded++;
      const { data } = picture!.frames[0]!;
      return Promise.resolve(Float32Array.of(data.reduce((a, b) => a + b, 0) / data.length / 255));
    },
    attach: ({ parameters }) => Promise.resolve(attached(calls, stuck, parameters!)),
    unload: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
}

function attached(calls: Calls, stuck: boolean, fresh: Map<string, Float32Array>): AttachedModel {
  let parameters = fresh;
  let step = 0;
  const moments = new Map([...fresh].flatMap(([name, p]) => ['m', 'v'].map((m) => [`${m}.${name}`, p.map(() => 0)])));
  const shapes = new Map(
    [...fresh].map(([name, p]) => [name, name.includes('lora_A') ? [1, p.length] : [p.length, 1]]),
  );
  const name = [...fresh.keys()].find((key) => key.includes('lora_B'))!;
  /** Slope and height; B begins as zeros. */
  const line = (): Float32Array => parameters.get(name)!;
  const scoreOf = (example: PreparedExample): number => line()[0]! * (seenOf(example) - 0.5) + line()[1]! + 3;
  return {
    shapes,
    hasFrozenPrefix: false,
    prepare: () => Promise.resolve(),
    update: (examples, learningRate) => {
      calls.updates++;
      step++;
      const gradient = [0, 0];
      let loss = 0;
      for (const example of examples) {
        const target = example.wanted.kind === 'answers' ? example.wanted.target!.score : NaN;
        const error = scoreOf(example) - target;
        loss += error ** 2 / examples.length;
        gradient[0]! += (2 * error * (seenOf(example) - 0.5)) / examples.length;
        gradient[1]! += (2 * error) / examples.length;
      }
      const m = moments.get(`m.${name}`)!;
      gradient.forEach((g, i) => {
        m[i] = 0.5 * m[i]! + g;
        if (!stuck) line()[i]! -= learningRate * m[i];
      });
      return Promise.resolve({ loss, gradientNorm: Math.hypot(...gradient) });
    },
    predict: (examples) => {
      calls.predicted += examples.length;
      return Promise.resolve(examples.map((example) => around(scoreOf(example), example)));
    },
    generate: () => Promise.reject(new Error('this engine does not generate')),
    requireMemory: () => Promise.resolve(),
    get step() {
      return step;
    },
    exportState: (what) =>
      [...(what === 'parameters' ? parameters : moments)].map(([key, values]) => {
        return { name: key, shape: shapes.get(key.replace(/^[mv]\./, ''))!, read: () => values };
      }),
    importState: async (part) => {
      const into = part.what === 'parameters' ? (parameters = new Map()) : moments;
      for await (const [key, values] of part.tensors) into.set(key, values);
      if (part.what === 'optimizer') step = part.step;
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** All probability on one score. */
function around(mean: number, { wanted }: PreparedExample): AnswerDistribution {
  const count = wanted.kind === 'answers' ? wanted.tree.answers.length : 0;
  return { probabilities: new Float64Array(count), legalMass: 1, mean, std: 0, greedy: 0 };
}
