// Where LoRA goes in Qwen2.5-VL, and what PEFT calls those modules in the versions of transformers.
import type { LoraTarget } from '../../lora-options.ts';
import { loraTargets } from '../../lora-options.ts';
import type { FamilyLora } from '../types.ts';

const isOfAttention = (target: LoraTarget): boolean => /^[qkvo]_/.test(target);
const partOf = (target: LoraTarget): string => (isOfAttention(target) ? 'self_attn' : 'mlp');

const isOutside = (module: string): boolean => module === 'lm_head' || module.startsWith('visual.');

/** A tensor's name in files of PEFT, of today's layout of transformers or the first. */
const tensorPattern =
  /^base_model\.model\.(?:model\.language_model|language_model\.model|model)\.(layers\.\d+\..+\.lora_[AB])(?:\.default)?\.weight$/;

/** LoRA on the decoder layers' linear layers. */
export const qwenLora: FamilyLora = {
  targets: loraTargets,
  moduleOf: ({ layer, target }) => `layers.${layer}.${partOf(target)}.${target}`,
  placeOf: (module) => {
    const match = /^layers\.(\d+)\.(self_attn|mlp)\.(\w+)$/.exec(module);
    const target = loraTargets.find((name) => name === match?.[3]);
    if (match === null || target === undefined || partOf(target) !== match[2]) return null;
    return { layer: Number(match[1]), target };
  },
  tiedModules: ['lm_head'],
  namings: [
    (module) =>
      module === 'lm_head' ? module : `model.${module.startsWith('visual.') ? '' : 'language_model.'}${module}`,
    (module) => (isOutside(module) ? module : `model.${module}`),
    (module) => (isOutside(module) ? module : `language_model.model.${module}`),
  ],
  fileName: (name) => `base_model.model.model.language_model.${name}`,
  canonicalName: (fileName) => {
    const match = tensorPattern.exec(fileName);
    return match === null ? null : `${match[1]}.weight`;
  },
  targetModules: (targets, layers) => {
    const part = (ofAttention: boolean): string[] => {
      const own = loraTargets.filter((name) => isOfAttention(name) === ofAttention && targets.includes(name));
      return own.length === 0 ? [] : [`${partOf(own[0]!)}\\.(${own.join('|')})`];
    };
    const numbers = layers === null ? '\\d+' : `(${layers.join('|')})`;
    return `.*language_model\\.layers\\.${numbers}\\.(${[...part(true), ...part(false)].join('|')})`;
  },
  targetHint:
    'Train with a target_modules pattern anchored at language_model; names such as "up_proj" are also in the vision tower.',
};
