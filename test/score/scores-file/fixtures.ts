// A scorer without a model: what a clip gets depends on all that stand in its group, as the last bits of a real one's do.
import { createHash } from 'node:crypto';
import { UserError } from '../../../src/core/index.ts';
import type { Clip } from '../../../src/inputs/index.ts';
import type {
  FailedClip,
  ListRow,
  ListScorer,
  RejectedClip,
  ScoredClip,
  ScoresMeta,
} from '../../../src/score/index.ts';

/** The 41 answers of `integer`, on 1–5. */
export const answers: readonly number[] = Array.from({ length: 41 }, (_, i) => (10 + i) / 10);

export const meta: ScoresMeta = {
  format: 2,
  models: [
    {
      path: 'runs/first',
      weight: 1,
      modelHash: 'a'.repeat(64),
      tokenizerHash: 'b'.repeat(64),
      adapterHash: 'c'.repeat(64),
      loraHash: 'd'.repeat(64),
      template: { name: 'four-dimensions', sha256: 'e'.repeat(64) },
      answer: { kind: 'integer', step: null, values: [...answers] },
      positions: 'transformers',
      maxTextTokens: 4096,
      frames: { pick: 'middle', count: 1, as: 'video', seed: 0 },
    },
  ],
  isEnsemble: false,
  scale: { min: 1, max: 5, higherIsBetter: true },
  basis: null,
  runtime: {
    provider: 'cpu',
    threads: 0,
    batchSize: 4,
    maxMemory: null,
    decoders: { sharp: '1.0.0' },
    onnxruntime: '1.30.0',
  },
  machine: { cpu: 'this', hash: 'f'.repeat(64) },
  writtenBy: '0.1.0',
};

/** What models differ in. */
export const withModel = (
  changes: Partial<ScoresMeta['models'][number]>,
  rest: Partial<ScoresMeta> = {},
): ScoresMeta => ({
  ...meta,
  ...rest,
  models: meta.models.map((model) => ({ ...model, ...changes })),
});

/** A distribution over the answers: about a mean, as models give it. */
function probabilitiesAbout(mean: number, spread: number): number[] {
  const weights = answers.map((value) => Math.exp(-(((value - mean) / spread) ** 2) / 2));
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / sum);
}

/** A result of three frames, or of a picture: what it says follows from a digest, and with a member from its number. */
function resultOf(digest: Buffer, member: number): Pick<ScoredClip, 'score' | 'plan' | 'probabilities'> {
  const score = 1 + digest.readUInt32LE(4 * member) / 2 ** 30;
  const isPicture = digest[31]! % 2 === 0;
  const seconds = isPicture ? [null] : [0, 1 / 3, 12.34567];
  const plan = {
    sha256: digest.toString('hex'),
    notes: [],
    frames: seconds.map((at, i) => ({ index: i, seconds: at })),
  };
  return { score, plan, probabilities: probabilitiesAbout(score, 0.3 + member / 10) };
}

/** A scorer, which remembers the rows that it was given. */
export interface FakeScorer extends ListScorer {
  rows: number[];
}

/**
 * Makes a scorer.
 * @param made - its description
 * @param fails - whether a clip cannot be scored
 */
export function fakeScorer(made: ScoresMeta = meta, fails: (clip: Clip) => boolean = () => false): FakeScorer {
  const rows: number[] = [];
  const ofGroup = function* (group: readonly (Clip | RejectedClip)[]): Generator<ScoredClip | FailedClip> {
    const whole = JSON.stringify(group.map((item) => ('error' in item ? null : [item.path, item.prompt])));
    for (const item of group) {
      const clip = 'error' in item ? item.clip : item;
      const row = clip.row!;
      rows.push(row);
      if ('error' in item) yield { ...item, row };
      else if (fails(clip))
        yield { clip, row, error: new UserError('unreadable-media', `${clip.path}: broken, as "it" is`) };
      else {
        const digest = createHash('sha256').update(`${whole} ${row}`).digest();
        const numbers = { integer: 31, std: 0.5, legalMass: 1, cached: false };
        const { score, ...seen } = resultOf(digest, 0);
        const members = made.models.map((_, i) => resultOf(digest, i));
        yield { clip, row, score, ...numbers, ...(made.isEnsemble ? { members } : seen) };
      }
    }
  };
  return {
    rows,
    describe: async () => made,
    score: async function* (clips) {
      let group: (Clip | RejectedClip)[] = [];
      for await (const item of clips) {
        group.push(item);
        if (('error' in item ? item.clip : item).row! % 8 !== 0) continue;
        yield* ofGroup(group);
        group = [];
      }
      yield* ofGroup(group);
    },
  };
}

/** A list of so many rows: names with what CSV quotes, the same file twice with two prompts, and one that cannot be read. */
export const listOf = (count: number): ListRow[] =>
  Array.from({ length: count }, (_, i): ListRow => {
    if (i === 4) return { id: 'list.csv:6', reason: 'list.csv:6: expected a name, got "\n"' };
    const id = i % 5 === 3 ? `a "quoted",\nname ${i}.png` : `${i % 7}.png`;
    return { id, path: id, kind: 'image', prompt: `a dog ${i}` };
  });
