import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { mergedTokens } from '../../src/model/families/qwen2-5-vl/prompt.ts';
import { ropePositions } from '../../src/model/families/qwen2-5-vl/positions.ts';
import type { PositionRule, VisionInput, VisionSpan } from '../../src/model/index.ts';

/** As all published checkpoints have it. */
const vision = { spatialMergeSize: 2, tokensPerSecond: 2 };

interface PositionGolden {
  /** Lengths of the stretches of text around and between the visions. */
  texts: number[];
  visions: (VisionInput & { secondsPerGrid: number | null })[];
  positions: number[][];
}

function goldens(version: string): PositionGolden[] {
  const url = new URL(`golden/positions-${version}.json`, import.meta.url);
  return (JSON.parse(readFileSync(url, 'utf8')) as { cases: PositionGolden[] }).cases;
}

function positionsOf({ texts, visions }: PositionGolden, rule: PositionRule): number[][] {
  let length = texts[0]!;
  const spans = visions.map((given, i): VisionSpan => {
    const { secondsPerGrid, ...rest } = given;
    const span = { ...rest, start: length, length: mergedTokens(rest.grid, 2) };
    length += span.length + texts[i + 1]!;
    return secondsPerGrid === null ? span : { ...span, secondsPerGrid };
  });
  const positions = ropePositions({ length, visions: spans, rule }, vision);
  return [0, 1, 2].map((axis) => [...positions.subarray(axis * length, (axis + 1) * length)]);
}

describe.each([
  ['transformers', '5.18'],
  ['transformers-5.17', '5.17'],
] as const)('rule %s gives the positions of transformers %s', (rule, version) => {
  const cases = goldens(version);
  test.each(cases.map((golden, i) => [i, golden] as const))('case %d', (_, golden) => {
    expect(positionsOf(golden, rule)).toEqual(golden.positions);
  });
});

test('the known divergence: at four frames a second 5.17 gives every frame one time index; whole seconds agree', () => {
  const times = (secondsPerGrid: number, rule: PositionRule): number[] =>
    positionsOf(
      { texts: [0, 0], visions: [{ kind: 'video', grid: { t: 4, h: 2, w: 2 }, secondsPerGrid }], positions: [] },
      rule,
    )[0]!;
  expect(times(0.5, 'transformers')).toEqual([0, 1, 2, 3]);
  expect(times(0.5, 'transformers-5.17')).toEqual([0, 0, 0, 0]);
  expect(times(1.5, 'transformers')).toEqual([0, 3, 6, 9]);
  expect(times(1.5, 'transformers-5.17')).toEqual([0, 2, 4, 6]);
  expect(times(2, 'transformers')).toEqual(times(2, 'transformers-5.17'));
});
