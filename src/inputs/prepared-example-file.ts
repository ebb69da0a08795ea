// A prepared example as a safetensors file, and back: how one engine's input is looked at, kept, or handed to another process.
import { UserError, invariant, show } from '../core/index.ts';
import type { SafetensorsHeader, TypedTensor } from '../files/index.ts';
import { readSafetensorsHeader, readTypedTensor, writeTypedSafetensors } from '../files/index.ts';
import { asFloat32 } from '../model/index.ts';
import type { TrieAnswer } from '../prompt/index.ts';
import type { RgbFrame } from '../video/index.ts';
import type { PreparedExample, PreparedPicture, PreparedVision, Wanted } from './prepared-example.ts';
import type { Target } from './token-rows.ts';

/** What of an example is no tensor. Numbers of JSON come back to the bit. */
interface Facts {
  promptLength: number;
  dropoutKey: number;
  pictures: Omit<PreparedPicture, 'frames'>[];
  wanted:
    | { kind: 'tokens'; targets: readonly Target[] }
    | { kind: 'answers'; answers: readonly TrieAnswer[]; score: number | null; std?: number }
    | { kind: 'text' };
}

/** Version of the layout. */
const FORMAT = 'iovqa example 1';

/**
 * Writes an example: int32 `tokenIds` [T], `positions` [3, T], `visionSlots` [T], `branchParent` [T]; float32 `features` or uint8
 * `pictures.N` [frames, height, width, 3]; with legal answers int32 `nodeRows` and `columns`, and float32 `label` where there is one;
 * the rest as JSON in the metadata.
 * @param path - its path; its folder must be there
 * @param example - the example
 */
export async function writePreparedExample(path: string, example: PreparedExample): Promise<void> {
  const { rows, vision, wanted, dropoutKey } = example;
  const { tokenIds, positions, visionSlots, branchParent, promptLength } = rows;
  const T = tokenIds.length;
  const tensors = new Map<string, TypedTensor>([
    ['tokenIds', { data: tokenIds, shape: [T] }],
    ['positions', { data: positions, shape: [3, T] }],
    ['visionSlots', { data: visionSlots, shape: [T] }],
    ['branchParent', { data: branchParent, shape: [T] }],
  ]);
  if (vision.kind === 'features') tensors.set('features', flat(asFloat32(vision.features)));
  else vision.pictures.forEach(({ frames }, i) => tensors.set(`pictures.${i}`, stacked(frames)));
  if (wanted.kind === 'answers') {
    tensors.set('nodeRows', flat(wanted.tree.nodeRows)).set('columns', flat(wanted.tree.columns));
    if (wanted.target?.label) tensors.set('label', flat(wanted.target.label));
  }
  const { score = null, std } = (wanted.kind === 'answers' ? wanted.target : null) ?? {};
  const facts: Facts = {
    promptLength,
    dropoutKey,
    pictures: vision.kind === 'features' ? [] : vision.pictures.map(({ frames: _frames, ...rest }) => rest),
    wanted:
      wanted.kind === 'answers'
        ? { kind: 'answers', answers: wanted.tree.answers, score, ...(std === undefined ? {} : { std }) }
        : wanted,
  };
  await writeTypedSafetensors(path, tensors, { format: FORMAT, example: JSON.stringify(facts) });
}

/**
 * Reads an example that {@link writePreparedExample} wrote.
 * @param path - the file
 * @throws UserError `bad-checkpoint` for another file
 */
export async function readPreparedExample(path: string): Promise<PreparedExample> {
  const header = await readSafetensorsHeader(path);
  const { format, example } = header.metadata;
  if (format !== FORMAT || example === undefined) {
    throw new UserError('bad-checkpoint', `${path}: expected ${FORMAT}, got ${show(format ?? null)}`);
  }
  const facts = JSON.parse(example) as Facts;
  const ints = (name: string): Promise<Int32Array> => readOf(header, name, Int32Array);
  return {
    rows: {
      tokenIds: await ints('tokenIds'),
      positions: await ints('positions'),
      visionSlots: await ints('visionSlots'),
      branchParent: await ints('branchParent'),
      promptLength: facts.promptLength,
    },
    vision: await readVision(header, facts),
    wanted: await readWanted(header, facts),
    dropoutKey: facts.dropoutKey,
  };
}

async function readVision(header: SafetensorsHeader, { pictures }: Facts): Promise<PreparedVision> {
  if (header.tensors.has('features'))
    return { kind: 'features', features: await readOf(header, 'features', Float32Array) };
  const read: PreparedPicture[] = [];
  for (const [i, picture] of pictures.entries()) {
    const name = `pictures.${i}`;
    const [count, height, width] = header.tensors.get(name)?.shape ?? [];
    invariant(count !== undefined && height !== undefined && width !== undefined, `${header.file}: no ${name}`);
    const data = await readOf(header, name, Uint8Array);
    const size = height * width * 3;
    const frames = Array.from({ length: count }, (_, f): RgbFrame => {
      return { width, height, data: data.slice(f * size, (f + 1) * size) };
    });
    read.push({ ...picture, frames });
  }
  return { kind: 'pictures', pictures: read };
}

async function readWanted(header: SafetensorsHeader, { wanted }: Facts): Promise<Wanted> {
  if (wanted.kind !== 'answers') return wanted;
  const { answers, score, std } = wanted;
  const label = header.tensors.has('label') ? await readOf(header, 'label', Float32Array) : null;
  const tree = {
    nodeRows: await readOf(header, 'nodeRows', Int32Array),
    columns: await readOf(header, 'columns', Int32Array),
    answers,
  };
  if (score === null) return { kind: 'answers', tree, target: null };
  return { kind: 'answers', tree, target: { score, ...(std === undefined ? {} : { std }), label } };
}

async function readOf<T extends TypedTensor['data']>(
  header: SafetensorsHeader,
  name: string,
  Type: new (...args: never[]) => T,
): Promise<T> {
  const data = await readTypedTensor(header, name);
  if (data instanceof Type) return data;
  throw new UserError('bad-checkpoint', `${header.file}: ${name}: expected ${Type.name}, got ${data.constructor.name}`);
}

function flat(data: TypedTensor['data']): TypedTensor {
  return { data, shape: [data.length] };
}

/** Frames of one size, one after the other. */
function stacked(frames: readonly RgbFrame[]): TypedTensor {
  const { width, height } = frames[0]!;
  const data = new Uint8Array(frames.length * width * height * 3);
  frames.forEach((frame, f) => data.set(frame.data, f * width * height * 3));
  return { data, shape: [frames.length, height, width, 3] };
}
