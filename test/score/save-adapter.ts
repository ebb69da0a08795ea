// Adapters with factors that matter, and the card that training would write.
import { randomStream } from '../../src/core/index.ts';
import type { LoraOptions } from '../../src/model/index.ts';
import { initLora, loraShapes, openCheckpoint, writeAdapter } from '../../src/model/index.ts';
import type { ScorerSettings } from '../../src/score/index.ts';
import { createSharedParts, encoderOf, goldenScores, loadQuestioner, makeCard } from '../../src/score/index.ts';
import { createDisposer } from '../../src/core/index.ts';

export interface SavedAdapter {
  model: string;
  lora: LoraOptions;
  settings: ScorerSettings;
  seed?: number;
}

export async function saveAdapter(
  folder: string,
  { model, lora, settings, seed = 6 }: SavedAdapter,
): Promise<Map<string, Float32Array>> {
  const checkpoint = await openCheckpoint(model);
  const shapes = loraShapes(lora, checkpoint.text.numLayers, (name) => checkpoint.stored(name).shape);
  const tensors = initLora(shapes, seed - 1);
  const stream = randomStream(seed);
  for (const [name, values] of tensors) {
    if (name.endsWith('lora_B.weight')) for (let i = 0; i < values.length; i++) values[i] = 0.3 * stream.normal();
  }
  const questioner = await loadQuestioner(checkpoint, settings);
  await using disposer = createDisposer();
  const parts = createSharedParts({ workers: 1, cache: false }, disposer);
  const encoder = encoderOf(parts.viewer(checkpoint, settings.frames), checkpoint, questioner);
  const readout = parts.readout(checkpoint, lora, questioner, settings);
  const card = await makeCard(checkpoint, questioner, settings, {
    training: { manifestSha256: '0'.repeat(64), targetColumn: 'mos', numClips: 3, step: 1 },
    isAdapter: true,
    goldenScores: await goldenScores(encoder, readout, tensors, 28),
    writtenBy: 'test',
  });
  await writeAdapter(folder, { lora, tensors, card, baseModel: model });
  return tensors;
}
