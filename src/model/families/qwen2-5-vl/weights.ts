// Names and shapes of Qwen2.5-VL's weights: canonical, and in files of all layouts of transformers.
import type { TiedWeight, WeightPlace } from '../types.ts';
import type { QwenTextConfig, QwenVisionConfig } from './config.ts';

/**
 * Names and shapes of all weights of a model.
 * @param text - sizes of the text model
 * @param vision - sizes of the tower
 * @returns shapes by canonical name; linear layers are [out, in]
 */
export function weightShapes(text: QwenTextConfig, vision: QwenVisionConfig): Map<string, number[]> {
  const shapes = new Map<string, number[]>();
  const linear = (name: string, out: number, width: number, bias: boolean): void => {
    shapes.set(`${name}.weight`, [out, width]);
    if (bias) shapes.set(`${name}.bias`, [out]);
  };
  const V = vision.hiddenSize;
  const { patchSize, temporalPatchSize, inChannels } = vision;
  shapes.set('visual.patch_embed.proj.weight', [V, inChannels, temporalPatchSize, patchSize, patchSize]);
  for (let i = 0; i < vision.depth; i++) {
    const block = `visual.blocks.${i}`;
    shapes.set(`${block}.norm1.weight`, [V]);
    shapes.set(`${block}.norm2.weight`, [V]);
    linear(`${block}.attn.qkv`, 3 * V, V, true);
    linear(`${block}.attn.proj`, V, V, true);
    linear(`${block}.mlp.gate_proj`, vision.intermediateSize, V, true);
    linear(`${block}.mlp.up_proj`, vision.intermediateSize, V, true);
    linear(`${block}.mlp.down_proj`, V, vision.intermediateSize, true);
  }
  const merged = V * vision.spatialMergeSize ** 2;
  shapes.set('visual.merger.ln_q.weight', [V]);
  linear('visual.merger.mlp.0', merged, merged, true);
  linear('visual.merger.mlp.2', vision.outHiddenSize, merged, true);
  const C = text.hiddenSize;
  const queries = text.numHeads * text.headDim;
  const keys = text.numKvHeads * text.headDim;
  shapes.set('embed_tokens.weight', [text.vocabSize, C]);
  for (let i = 0; i < text.numLayers; i++) {
    const layer = `layers.${i}`;
    shapes.set(`${layer}.input_layernorm.weight`, [C]);
    shapes.set(`${layer}.post_attention_layernorm.weight`, [C]);
    linear(`${layer}.self_attn.q_proj`, queries, C, true);
    linear(`${layer}.self_attn.k_proj`, keys, C, true);
    linear(`${layer}.self_attn.v_proj`, keys, C, true);
    linear(`${layer}.self_attn.o_proj`, C, queries, false);
    linear(`${layer}.mlp.gate_proj`, text.intermediateSize, C, false);
    linear(`${layer}.mlp.up_proj`, text.intermediateSize, C, false);
    linear(`${layer}.mlp.down_proj`, C, text.intermediateSize, false);
  }
  shapes.set('norm.weight', [C]);
  if (!text.tieWordEmbeddings) shapes.set('lm_head.weight', [text.vocabSize, C]);
  return shapes;
}

/**
 * The canonical name of a tensor in a file of today's or the first layout.
 * @param fileName - its name in the file
 * @returns null for none of the model's
 */
export function canonicalName(fileName: string): string | null {
  if (fileName === 'lm_head.weight' || fileName.startsWith('visual.')) return fileName;
  if (fileName.startsWith('model.visual.')) return fileName.slice('model.'.length);
  const match = /^model\.(?:language_model\.)?((?:layers|embed_tokens|norm)\..+)$/s.exec(fileName);
  return match === null ? null : match[1]!;
}

/**
 * The name of a weight in the files of transformers 5.
 * @param name - canonical name
 */
export function fileName(name: string): string {
  if (name === 'lm_head.weight') return name;
  return name.startsWith('visual.') ? `model.${name}` : `model.language_model.${name}`;
}

/**
 * Where a weight is.
 * @param name - canonical name
 */
export function placeOf(name: string): WeightPlace {
  if (name.startsWith('visual.')) return { part: 'vision' };
  const layer = /^layers\.(\d+)\./.exec(name);
  if (layer !== null) return { part: 'layer', layer: Number(layer[1]) };
  return { part: name.startsWith('embed_tokens.') ? 'embedding' : 'head' };
}

/**
 * Some writers save a tied head as well.
 * @param text - sizes of the text model
 */
export function tiedWeights(text: QwenTextConfig): TiedWeight[] {
  return text.tieWordEmbeddings ? [{ copy: 'lm_head.weight', of: 'embed_tokens.weight' }] : [];
}
