// Forecasts what a device of the PyTorch engine holds: counted from sizes, with three numbers at the top that are measured or assumed.
import type { LoraOptions, ModelShape } from '../../model/index.ts';
import { adapterShapes, firstLoraLayer } from '../../model/index.ts';
import type { EngineWork } from '../types.ts';

/** A process without a model on the CPU: interpreter and libraries. Measured: `npx tsx bench/torch-memory.ts`. */
const PROCESS_BYTES = 0.45e9;
/** On a GPU: context, kernels, workspaces of cuBLAS and buffers of NCCL. Assumed, not measured yet. */
const CONTEXT_BYTES = 1.5e9;
/** What an allocator holds for a byte that is used for a while. Assumed on GPUs, not measured yet. */
const FRAGMENTATION = 1.1;

/** What of a model the forecast reads. */
export type MemoryModel = Pick<ModelShape, 'family' | 'text' | 'vision' | 'names' | 'stored'>;

/** Devices, and how they hold the model. */
export interface Placement {
  /** How many. */
  ranks: number;
  /** Whether each holds its share of the decoder layers, or all of them. */
  isSharded: boolean;
  /** Type of frozen weights and of products. */
  precision: 'float32' | 'bfloat16';
  /** Kind of device. */
  device: 'cuda' | 'mps' | 'cpu';
}

/** What one device holds, in bytes. */
export interface DeviceMemory {
  /** The text model, or its share. */
  weights: number;
  /** The vision tower, whole. */
  tower: number;
  /** What trains: an adapter with gradients and moments; with `method: full` gradients and moments alone. */
  trained: number;
  /** Layers that are gathered from all devices while they are computed. */
  gathered: number;
  /** What an update's micro-batch keeps for the backward pass, and what passes through. */
  activations: number;
  /** Logits at the rows that are wanted, with their softmax and gradients. */
  logits: number;
  /** What other work takes beyond an update's: scoring, the tower, the optimizer. */
  other: number;
  /** Process, context, workspaces. */
  fixed: number;
  /** All of it at its peak. */
  bytes: number;
}

/**
 * Forecasts the memory of one device.
 * @param model - its sizes
 * @param work - what is done with it
 * @param place - devices
 */
export function deviceMemory(model: MemoryModel, work: EngineWork, place: Placement): DeviceMemory {
  const { text, family } = model;
  const { lora, training, scoring } = work;
  const { ranks, isSharded, device } = place;
  const width = place.precision === 'bfloat16' ? 2 : 4;
  const isFull = training !== null && lora === null;
  const numbers = countWeights(model);
  const share = isSharded ? 1 / ranks : 1;
  const held = isFull ? 4 : width; // weights that train are float32
  const weights = held * share * (numbers.layers + numbers.ends);
  const tower = held * numbers.tower;
  const adapter = adapterOf(model, lora);
  const own = isFull ? share * (numbers.layers + numbers.ends) + numbers.tower : adapter.numbers;
  const trained = training === null ? 4 * adapter.numbers : (isFull ? 12 : 16) * own;
  // FSDP2 gathers into one flat tensor and copies it into the weights' places; the next layer is fetched meanwhile. What is not in a
  // layer, embedding and head, stays gathered through a pass.
  const flat = held * Math.max(2 * numbers.ends, numbers.ends + 3 * numbers.layer);
  const gathered = isSharded ? (isFull ? 2 : 1) * flat : 0;

  let [activations, logits] = [0, 0];
  if (training !== null) {
    const { tokens, visionTokens, rows } = training.clip;
    const kept = family.memory.keptOfText(text, isFull);
    const inputs = lora === null ? 0 : adapter.inputs;
    const layer =
      4 * kept.float32 + width * (kept.computed + inputs) + (lora !== null && lora.dropout > 0 ? inputs : 0);
    const passing = width * (kept.computed + inputs) + (4 + width) * kept.width;
    const layers = lora === null ? kept.layers : kept.layers - firstLoraLayer(lora, kept.layers);
    const stack = training.gradientCheckpointing ? layers * width * kept.width + layer : layers * layer;
    const ofTower = isFull ? towerBytes(model, visionTokens, width, true) : 0;
    const clip = tokens * (stack + passing) + tokens ** 2 * (1 + width) + ofTower;
    // Autocast keeps what it made of float32 weights to the end of the pass.
    const decoder = training.gradientCheckpointing ? numbers.layer : numbers.layers;
    const cast = isFull ? decoder + numbers.ends + numbers.tower : adapter.numbers;
    activations = training.microBatch * clip + (width === 2 ? 2 * cast : 0);
    logits = training.microBatch * 16 * text.vocabSize * rows;
  }
  const update = gathered + activations + logits;
  // The sum over all processes, and what AdamW makes of many tensors at once.
  const summed = ranks > 1 && !(isFull && isSharded) ? 4 * own : 0;
  const apply = training === null ? 0 : summed + (device === 'cuda' ? 4 * own : 0);
  const encode = isFull ? 0 : towerBytes(model, scoring.clip.visionTokens, width, false);
  const score = gathered + scoringBytes(model, scoring, width);
  const peak = Math.max(update, apply, encode, score);
  const fixed = device === 'cuda' ? CONTEXT_BYTES + (FRAGMENTATION - 1) * peak : PROCESS_BYTES;
  const other = peak - update;
  const bytes = weights + tower + trained + peak + fixed;
  return { weights, tower, trained, gathered, activations, logits, other, fixed, bytes };
}

/** Numbers of a model by where they are. */
interface WeightNumbers {
  tower: number;
  /** All decoder layers. */
  layers: number;
  /** The largest of them. */
  layer: number;
  /** Embedding, last norm, head. */
  ends: number;
}

function countWeights({ family, names, stored }: MemoryModel): WeightNumbers {
  const layers = new Map<number, number>();
  const counted = { tower: 0, ends: 0 };
  for (const name of names) {
    const size = stored(name).shape.reduce((a, b) => a * b, 1);
    const place = family.weights.placeOf(name);
    if (place.part === 'layer') layers.set(place.layer, (layers.get(place.layer) ?? 0) + size);
    else counted[place.part === 'vision' ? 'tower' : 'ends'] += size;
  }
  const all = [...layers.values()];
  return { ...counted, layers: all.reduce((a, b) => a + b, 0), layer: Math.max(0, ...all) };
}

/** Numbers of an adapter, and the widths of its inputs in a layer together: each has a dropout of its own, and keeps what it left. */
function adapterOf(
  { family, text, stored }: MemoryModel,
  lora: LoraOptions | null,
): { numbers: number; inputs: number } {
  if (lora === null) return { numbers: 0, inputs: 0 };
  let [numbers, inputs] = [0, 0];
  const shapes = adapterShapes(family.lora, lora, text.numLayers, (name) => stored(name).shape);
  for (const [name, [rows, columns]] of shapes) {
    numbers += rows * columns;
    if (name.endsWith('.lora_A.weight')) inputs += columns;
  }
  return { numbers, inputs: inputs / (text.numLayers - firstLoraLayer(lora, text.numLayers)) };
}

/** The tower over the patches of a clip. */
function towerBytes({ family, vision }: MemoryModel, tokens: number, width: number, trains: boolean): number {
  const { patchSize, temporalPatchSize, spatialMergeSize, inChannels } = vision;
  const kept = family.memory.keptOfTower(vision, trains);
  const layer = 4 * kept.float32 + width * kept.computed;
  const pixels = 4 * inChannels * temporalPatchSize * patchSize ** 2;
  return tokens * spatialMergeSize ** 2 * (pixels + (trains ? kept.layers + 1 : 1) * layer);
}

/** Clips that are scored together: one layer at a time. */
function scoringBytes({ family, text }: MemoryModel, { clip, together }: EngineWork['scoring'], width: number): number {
  const { tokens, rows } = clip;
  const kept = family.memory.keptOfText(text, false);
  const layer = tokens * (4 * kept.float32 + width * kept.computed) + tokens ** 2 * (1 + width);
  return together * (layer + 12 * text.vocabSize * rows);
}
