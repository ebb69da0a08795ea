// A model family that is nothing like Qwen2.5-VL: words and patches by one matrix each, one linear layer, and the mean over what a row
// sees. Its tensors, feeds and inputs have names of their own; what is written against `ModelFamily` alone works with it.
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomStream } from '../../src/core/index.ts';
import { writeSafetensors } from '../../src/files/index.ts';
import type { TensorData, Value } from '../../src/graph/index.ts';
import { add, concat, dimSum, expand, gather, input, matmul, reshape, softmax, where } from '../../src/graph/index.ts';
import { attentionBias } from '../../src/model/families/shared/attention-bias.ts';
import type { LoraOptions, VisionPatches } from '../../src/model/index.ts';
import type { GraphModel } from '../../src/model/families/graph-types.ts';
import type { LoraGraph, WeightSource } from '../../src/model/families/shared/layers.ts';
import type { ModelFamily } from '../../src/model/families/types.ts';
import { adapterShapes, embeddedModel, fedWeights, openCheckpoint } from '../../src/model/index.ts';
import { frozenWeights } from '../../src/model/weights.ts';
import { linear } from '../../src/model/families/shared/layers.ts';
import { loraInputs } from '../../src/model/lora.ts';

/** The toy's own size: pixels that it looks at of a merged patch. */
interface ToyVision {
  patchSize: number;
  temporalPatchSize: number;
  spatialMergeSize: number;
  inChannels: number;
  seen: number;
}
interface ToyText {
  hiddenSize: number;
  numLayers: number;
  vocabSize: number;
}
type ToyModel = GraphModel<ToyText, ToyVision>;

const places = { 'words.weight': 'embedding', 'eye.weight': 'vision', 'mix.weight': 'layer' } as const;

/** Rows of the linear layer, and what they are at the wanted rows. */
function mixed(
  { text }: Pick<ToyModel, 'text'>,
  weights: WeightSource,
  lora: LoraGraph | null,
  features: Value | null,
): Value {
  const flat = (name: string): Value => reshape(input(name, 'int64', ['B', 'T']), ['B*T']);
  const read = weights.rows('words.weight', flat('toyWords'));
  const rows =
    features === null
      ? read
      : where(
          reshape(input('toyIsPatch', 'bool', ['B', 'T', 1]), ['B*T', 1]),
          gather(features, flat('toyPatch')),
          read,
        );
  return reshape(linear(rows, 'mix', weights, { bias: false, lora }), ['B', 'T', text.hiddenSize]);
}

function logitsOf({ text }: Pick<ToyModel, 'text'>, rows_BTC: Value, weights: WeightSource, past: boolean): Value {
  const C = text.hiddenSize;
  const own = past ? concat([expand(input('toyPast', 'float32', [1, 'P', C]), ['B', 'P', C]), rows_BTC], 1) : rows_BTC;
  const sees = input('toySees', 'float32', ['B', 'T', past ? dimSum('P', 'T') : 'T']);
  const mean = add(matmul(softmax(sees), own), rows_BTC);
  const wanted = gather(reshape(mean, ['B*T', C]), reshape(input('toyWanted', 'int64', ['B', 'Q']), ['B*Q']));
  return weights.rowProducts('words.weight', wanted);
}

const eye = ({ vision }: Pick<ToyModel, 'vision'>, weights: WeightSource): Value =>
  matmul(input('toyPixels', 'float32', ['M', vision.seen]), weights.get('eye.weight'), { transB: true });

const loraOf = (lora: LoraOptions, { text, stored }: Omit<ToyModel, 'vision'>, training: boolean) =>
  loraInputs(
    lora,
    adapterShapes(toyFamily.lora, lora, text.numLayers, (name) => stored(name).shape),
    training,
  );

const onlyWeights = (vision: readonly Pick<VisionPatches, 'grid'>[], { spatialMergeSize }: ToyVision): number =>
  vision.reduce((total, { grid: { t, h, w } }) => total + (t * h * w) / spatialMergeSize ** 2, 0);

/** The toy family. */
export const toyFamily: ModelFamily<ToyText, ToyVision> = {
  name: 'Toy',
  modelType: 'toy_vl',
  endOfTurn: '<|im_end|>',
  parseConfig: (json) => json as ReturnType<typeof toyFamily.parseConfig>,
  readProcessor: async (_, { patchSize, spatialMergeSize, temporalPatchSize }) => ({
    minPixels: 784,
    maxPixels: 784 * 64,
    mean: [0.5, 0.5, 0.5],
    std: [0.5, 0.5, 0.5],
    patchSize,
    mergeSize: spatialMergeSize,
    temporalPatchSize,
  }),
  weights: {
    shapes: ({ vocabSize, hiddenSize }, { seen }) =>
      new Map([
        ['words.weight', [vocabSize, hiddenSize]],
        ['eye.weight', [hiddenSize, seen]],
        ['mix.weight', [hiddenSize, hiddenSize]],
      ]),
    canonicalName: (fileName) => (fileName.startsWith('toy/') ? `${fileName.slice(4)}.weight` : null),
    fileName: (name) => `toy/${name.replace('.weight', '')}`,
    placeOf: (name) => {
      const part = places[name as keyof typeof places];
      return part === 'layer' ? { part, layer: 0 } : { part };
    },
    tied: () => [],
  },
  prompt: {
    positionRules: ['transformers'],
    expandPads: (ids, visions, { tokens, vision }) => {
      const spans: ReturnType<typeof toyFamily.prompt.expandPads>['visions'] = [];
      const tokenIds: number[] = [];
      for (const id of ids) {
        const seen = id === tokens.image || id === tokens.video ? visions[spans.length] : undefined;
        const length = seen === undefined ? 1 : onlyWeights([seen], vision);
        if (seen !== undefined) spans.push({ ...seen, start: tokenIds.length, length });
        for (let i = 0; i < length; i++) tokenIds.push(id);
      }
      return { tokenIds, visions: spans };
    },
    positions: ({ length }) => Int32Array.from({ length: 3 * length }, (_, i) => i % length),
  },
  graphs: {
    whole: (model, which) => {
      if (which.weights === 'fed') {
        const weights = fedWeights((name) => model.stored(name).shape);
        const logits = logitsOf(model, mixed(model, weights, null, eye(model, weights)), weights, false);
        return { logits, parameters: weights.inputs };
      }
      const weights = frozenWeights(model.stored);
      const { adapter } = which;
      const lora = adapter === null ? null : loraOf(adapter.lora, model, adapter.dropout);
      const features = input('toyFeatures', 'float32', ['M', model.text.hiddenSize]);
      const logits = logitsOf(model, mixed(model, weights, lora, features), weights, which.past);
      return { logits, parameters: lora?.inputs ?? new Map<string, Value>() };
    },
    vision: (model) => eye(model, frozenWeights(model.stored)),
    prefix: () => {
      throw new Error('a model of one layer has no layers below an adapter');
    },
    keysValues: (model, lora) => ({
      toyPast: mixed(model, frozenWeights(model.stored), lora === null ? null : loraOf(lora, model, false), null),
    }),
  },
  feeds: {
    text: (items, _, past) => {
      const [B, T, Q] = [
        items.length,
        Math.max(...items.map(({ example }) => example.tokenIds.length)),
        items[0]!.rows.length,
      ];
      const [words, patch] = [new BigInt64Array(B * T), new BigInt64Array(B * T)];
      const [isPatch, wanted] = [new Uint8Array(B * T), new BigInt64Array(B * Q)];
      let before = 0;
      items.forEach(({ example, rows }, b) => {
        example.tokenIds.forEach((id, t) => (words[b * T + t] = BigInt(id)));
        example.visionSlots.forEach((slot, t) => {
          if (slot < 0) return;
          patch[b * T + t] = BigInt(before + slot);
          isPatch[b * T + t] = 1;
        });
        before += example.visionSlots.filter((slot) => slot >= 0).length;
        Array.from(rows, (row, q) => (wanted[b * Q + q] = BigInt(b * T + row)));
      });
      const sees = attentionBias(
        items.map(({ example }) => example),
        T,
        past,
      );
      return {
        toyWords: { data: words, shape: [B, T] },
        toyPatch: { data: patch, shape: [B, T] },
        toyIsPatch: { data: isPatch, shape: [B, T, 1] },
        toySees: { data: sees, shape: [B, T, past + T] },
        toyWanted: { data: wanted, shape: [B, Q] },
      };
    },
    patches: (visions, { seen }) => {
      const data = Float32Array.from(visions.flatMap(({ pixels }) => [...pixels]));
      return { toyPixels: { data, shape: [data.length / seen, seen] } };
    },
    features: (clips, { hiddenSize }) => {
      const data = Float32Array.from(clips.flatMap((clip) => [...clip]));
      return { toyFeatures: { data, shape: [data.length / hiddenSize, hiddenSize] } };
    },
    hidden: () => {
      throw new Error('a model of one layer has no layers below an adapter');
    },
    noPast: ({ hiddenSize }): Record<string, TensorData> => ({
      toyPast: { data: new Float32Array(0), shape: [1, 0, hiddenSize] },
    }),
  },
  lora: {
    targets: ['o_proj'],
    moduleOf: () => 'mix',
    placeOf: (module) => (module === 'mix' ? { layer: 0, target: 'o_proj' } : null),
    tiedModules: [],
    namings: [(module) => `toy.${module}`],
    fileName: (name) => `peft/${name}`,
    canonicalName: (fileName) => (fileName.startsWith('peft/mix.') ? fileName.slice(5) : null),
    targetModules: () => 'toy\\.mix',
    targetHint: 'There is one linear layer.',
  },
  memory: {
    roughBytes: ({ hiddenSize }, { clips, rows, past = 0 }) => 8 * clips * rows * (past + rows + 4 * hiddenSize),
    readsWhole: () => true,
    visionSizes: (visions, vision, clips) => new Map([['M', clips * onlyWeights(visions, vision)]]),
    keptOfText: ({ numLayers: layers, hiddenSize: width }) => ({ layers, width, float32: 0, computed: width }),
    keptOfTower: () => ({ layers: 1, width: 1, float32: 0, computed: 1 }),
  },
  random: null,
};

/** Families with the toy alone, as `openCheckpoint` takes them. */
export const toyFamilies: Readonly<Record<string, ModelFamily>> = { [toyFamily.modelType]: toyFamily };

/**
 * Writes a toy model that speaks with the tokenizer of the model that ships.
 * @returns the folder
 */
export async function writeToyModel(folder: string): Promise<string> {
  const { text, tokens } = await openCheckpoint(embeddedModel());
  const config = {
    model_type: toyFamily.modelType,
    text: { hiddenSize: 8, numLayers: 1, vocabSize: text.vocabSize },
    vision: { patchSize: 14, temporalPatchSize: 2, spatialMergeSize: 2, inChannels: 3, seen: 4 * 14 * 14 * 2 * 3 },
    tokens,
  };
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
  for (const name of ['tokenizer.json', 'tokenizer_config.json', 'chat_template.jinja']) {
    copyFileSync(join(embeddedModel(), name), join(folder, name));
  }
  const tensors = [...toyFamily.weights.shapes(config.text, config.vision)].map(([name, shape], i) => {
    const stream = randomStream(5, i);
    const scale = name === 'eye.weight' ? 0.02 : 0.3;
    const data = Float32Array.from({ length: shape[0]! * shape[1]! }, () => scale * stream.normal());
    return [toyFamily.weights.fileName(name), { data, shape }] as const;
  });
  await writeSafetensors(join(folder, 'model.safetensors'), new Map(tensors));
  return folder;
}
