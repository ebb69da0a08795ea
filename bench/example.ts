// The example that speed is measured with: 20 text tokens, one picture between its markers, 100 text tokens, a two-digit answer, the end
// of the turn in two tokens: 382.
import { randomStream } from '../src/core/index.ts';
import type { PreparedExample, PreparedPicture } from '../src/inputs/index.ts';
import { positionsOf, trimToTargets } from '../src/inputs/index.ts';
import type { Checkpoint } from '../src/model/index.ts';

/** Sizes of the example. */
export interface ExampleSize {
  /** Patches along a side of the picture; default 32, a 448×448 picture. */
  side?: number;
  /** Text tokens behind the picture; default 100. */
  text?: number;
}

/** The example as the reference takes it. */
export interface PlainExample {
  /** Token ids, the end of the turn included. */
  ids: number[];
  /** Rows whose next token is an answer's digit. */
  targets: number[];
  /** Patches along a side of the picture. */
  side: number;
}

/**
 * Makes the example. Which text tokens does not matter to a random model; they are small numbers.
 * @param checkpoint - says which tokens stand for a picture
 * @param size - if not 448×448 and 100 tokens
 */
export function plainExample({ tokens }: Pick<Checkpoint, 'tokens'>, size: ExampleSize = {}): PlainExample {
  const { side = 32, text = 100 } = size;
  const word = (i: number): number => (i * 37) % 199;
  const before = Array.from({ length: 20 }, (_, i) => word(i));
  const picture = Array.from({ length: (side / 2) ** 2 }, () => tokens.image);
  const after = Array.from({ length: text }, (_, i) => word(i + 20));
  const prompt = [...before, tokens.visionStart, ...picture, tokens.visionEnd, ...after];
  return { ids: [...prompt, 51, 52, 53, 54], targets: [prompt.length - 1, prompt.length], side };
}

/**
 * The same as our step takes it.
 * @param plain - the example
 * @param checkpoint - the model
 * @param seen - what it sees, and the key of its dropout
 */
export function ourExample(
  { ids, targets, side }: PlainExample,
  checkpoint: Pick<Checkpoint, 'family' | 'tokens' | 'vision'>,
  seen: Pick<PreparedExample, 'vision' | 'dropoutKey'>,
): PreparedExample {
  const length = ids.length;
  const start = ids.indexOf(checkpoint.tokens.image);
  const count = (side / 2) ** 2;
  const grid = { t: 1, h: side, w: side };
  const visionSlots = Int32Array.from(ids, (_, i) => (i >= start && i < start + count ? i - start : -1));
  const trimmed = trimToTargets({
    tokenIds: Int32Array.from(ids),
    positions: positionsOf(checkpoint)(length, [{ kind: 'image', start, length: count, grid }]),
    visionSlots,
    branchParent: new Int32Array(length).fill(-1),
    promptLength: targets[0]! + 1,
    answer: '',
    targets: targets.map((row) => ({ row, token: ids[row + 1]!, weight: 1 / targets.length })),
  });
  const { targets: trained, answer: _, ...rows } = trimmed;
  return { rows, wanted: { kind: 'tokens', targets: trained }, ...seen };
}

/**
 * A picture of noise, for engines that take pictures.
 * @param plain - the example
 * @param checkpoint - says how it is cut
 */
export function noisePicture(
  { side }: Pick<PlainExample, 'side'>,
  { processor }: Pick<Checkpoint, 'processor'>,
): PreparedPicture {
  const pixels = side * processor.patchSize;
  const stream = randomStream(1);
  const data = Uint8Array.from({ length: pixels * pixels * 3 }, () => stream.below(256));
  const frames = [{ width: pixels, height: pixels, data }];
  return { kind: 'image', frames, grid: { t: 1, h: side, w: side }, patches: processor };
}
