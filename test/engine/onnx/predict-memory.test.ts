// The rough bound of memory that spares most clips an exact forecast.
import { expect, test } from 'vitest';
import { modelFamilies } from '../../../src/model/families/index.ts';

test('memory is bounded roughly by what surely holds more than the forecast', () => {
  // The 3B model at 395 tokens: 0.95 GB were measured (docs/real-sizes.md).
  const { memory, random } = modelFamilies['qwen2_5_vl']!;
  const { text } = random!.config('qwen2.5-vl-3b', 151_936);
  expect(memory.roughBytes(text, { clips: 1, rows: 395 })).toBeLessThan(2e9);
  expect(memory.roughBytes(text, { clips: 4, rows: 6000 })).toBeGreaterThan(4 * 2 * 16 * 6000 ** 2 * 4);
});
