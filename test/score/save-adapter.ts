// Adapters with factors that matter, and the card that training would write.
import { createDisposer } from '../../src/core/index.ts';
import type { ScorerSettings } from '../../src/inputs/index.ts';
import { answerTrie, createClipPreparer, loadPromptProcessor } from '../../src/inputs/index.ts';
import type { LoraOptions } from '../../src/model/index.ts';
import { openCheckpoint, writeAdapter } from '../../src/model/index.ts';
import { createClipPredictor, createSharedParts, goldenScores, makeCard } from '../../src/score/index.ts';
import { factorsOf } from '../engine/onnx/factors.ts';

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
  const tensors = factorsOf(checkpoint, lora, seed);
  const processor = await loadPromptProcessor(checkpoint, settings);
  const trie = answerTrie(checkpoint, processor)!;
  await using disposer = createDisposer();
  const parts = createSharedParts({ workers: 1, cache: false }, disposer);
  const preparer = createClipPreparer(await parts.viewer(checkpoint, settings.frames), checkpoint, processor);
  const engine = await parts.engine(checkpoint);
  const answers = { numNodes: trie.nodes.length, numColumns: trie.columns.length };
  const attached = await engine.attach({ lora, parameters: tensors, training: null, answers });
  const predictor = createClipPredictor({ model: attached, checkpoint, processor, trie, settings });
  const card = await makeCard(checkpoint, processor, settings, {
    training: { manifestSha256: '0'.repeat(64), targetColumn: 'mos', numClips: 3, step: 1 },
    isAdapter: true,
    goldenScores: await goldenScores(preparer, predictor, 28),
    precision: 'float32',
    writtenBy: 'test',
  });
  await writeAdapter(folder, { lora, tensors, card, baseModel: model }, checkpoint.family);
  return tensors;
}
