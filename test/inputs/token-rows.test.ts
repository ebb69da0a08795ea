import { describe, expect, test } from 'vitest';
import { buildExample, promptRows, trimToTargets } from '../../src/inputs/index.ts';
import { encodePrompt, type EncodedPrompt } from '../../src/prompt/index.ts';
import type { VisionInput } from '../../src/prompt/encode-prompt.ts';
import { setups, type Setup } from '../prompt/fixtures.ts';
import { positions, positionsBy } from './fixtures.ts';

const image: VisionInput = { kind: 'image', grid: { t: 1, h: 4, w: 6 } };
const video: VisionInput = { kind: 'video', grid: { t: 2, h: 2, w: 4 }, secondsPerGrid: 0.5 };

function promptFor(setup: Setup, question: string, visions: VisionInput[]): EncodedPrompt {
  return encodePrompt({ ...setup, question, visions });
}

describe('rows', () => {
  const setup = setups[0]!;

  test('patches count through all images; text has none', () => {
    const prompt = promptFor(setup, 'Rate.', [image, image]);
    const { visionSlots, tokenIds, branchParent } = promptRows(prompt, positions);
    expect([...visionSlots].filter((slot) => slot >= 0)).toEqual(Array.from({ length: 12 }, (_, i) => i));
    visionSlots.forEach((slot, row) => expect(slot >= 0).toBe(tokenIds[row] === setup.padTokens.image));
    expect(new Set(branchParent)).toEqual(new Set([-1]));
  });

  test('the answer goes on where the prompt ends, whatever the position rule', () => {
    const older = positionsBy('transformers-5.17');
    const prompt = promptFor(setup, 'Rate.', [video]);
    const example = buildExample({ ...setup, positions: older, prompt, answer: '35' });
    const rows = promptRows(prompt, older);
    const [length, before] = [example.tokenIds.length, rows.tokenIds.length];
    for (let axis = 0; axis < 3; axis++) {
      const own = [...example.positions.subarray(axis * length, (axis + 1) * length)];
      const prefix = [...rows.positions.subarray(axis * before, (axis + 1) * before)];
      const last = prefix.at(-1)!;
      expect(own).toEqual([...prefix, last + 1, last + 2, last + 3]);
    }
    const newer = promptRows(prompt, positionsBy('transformers'));
    expect(newer.positions).not.toEqual(rows.positions);
  });

  test('trimming drops only what no target sees', () => {
    const prompt = promptFor(setup, 'Rate.', [image]);
    const example = buildExample({ ...setup, positions, prompt, answer: '35' });
    const trimmed = trimToTargets(example);
    const kept = example.promptLength + 1;
    expect(trimmed.targets).toEqual(example.targets);
    expect(trimmed.tokenIds).toEqual(example.tokenIds.slice(0, kept));
    expect(trimmed.visionSlots).toHaveLength(kept);
    const length = example.tokenIds.length;
    for (let axis = 0; axis < 3; axis++) {
      const whole = example.positions.slice(axis * length, axis * length + kept);
      expect(trimmed.positions.slice(axis * kept, (axis + 1) * kept)).toEqual(whole);
    }
    expect(
      trimToTargets(buildExample({ ...setup, positions, prompt, answer: '35', targets: 'response' })).tokenIds,
    ).toHaveLength(length - 1);
  });
});
