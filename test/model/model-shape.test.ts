// Sizes of the published models, by the bytes of their weights on the hub.
import { describe, expect, test } from 'vitest';
import { openModelShape } from '../../src/model/index.ts';

describe('openModelShape', () => {
  // `metadata.total_size` of model.safetensors.index.json, in GB.
  test.each([
    ['Qwen/Qwen2.5-VL-3B-Instruct', 7.51],
    ['Qwen/Qwen2.5-VL-7B-Instruct', 16.58],
    ['Qwen/Qwen2.5-VL-32B-Instruct', 66.9],
    ['Qwen/Qwen2.5-VL-72B-Instruct', 146.8],
    ['qwen2.5-vl-72b', 146.8],
    ['/no/such/folder/qwen2.5-vl-7b', 16.58],
  ])('%s has %d GB of weights', async (name, gigabytes) => {
    const { names, stored, notes } = await openModelShape(name);
    const bytes = names.reduce((total, weight) => total + stored(weight).source.length, 0);
    expect(bytes / 1e9).toBeCloseTo(gigabytes, 1);
    expect(notes).toHaveLength(1);
  });

  test('of the model that ships, is the checkpoint', async () => {
    const shape = await openModelShape('models/nano');
    expect(shape.notes).toEqual([]);
    expect(shape.names.length).toBeGreaterThan(100);
  });
});
