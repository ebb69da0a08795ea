// What doctor says of the engine on PyTorch: its Python, packages and devices, what to do where one is missing, and which engine is faster.
import { formatSize } from '../core/index.ts';
import type { TorchSetup } from '../engine/index.ts';
import type { Finding } from './finding.ts';

/** How to set it up from nothing; a folder of its own keeps it apart from other Pythons. */
const FROM_NOTHING = 'for GPUs: python3 -m venv iovqa-torch, then . iovqa-torch/bin/activate, then';

/**
 * Puts what there is for the torch engine into findings. What nobody asked for and is not there is not set up; what somebody named, or
 * is there in part, and will not do is missing.
 * @param setup - from `inspectTorch`
 */
export function torchFindings(setup: TorchSetup): Finding[] {
  const { python, by, broken, parts, devices, mend } = setup;
  const isNamed = by === '--python' || by === 'IOVQA_PYTHON';
  const hasTorch = parts.some(({ name, version }) => name === 'torch' && version !== null);
  const absent = isNamed || hasTorch ? 'missing' : 'not set up';
  const whence = `${python} (found by ${by})`;
  return [
    ...(broken === null ? [] : [{ what: 'Python', state: absent, detail: `${broken} (found by ${by})` } as const]),
    ...parts.map(({ name, version, least, isFit }): Finding => {
      const detail = `${version === null ? '' : `${version}; `}${least} or later`;
      const isPython = name === 'python';
      return {
        what: isPython ? 'Python' : name,
        state: isFit ? 'ok' : absent,
        detail: isPython ? `${detail}; ${whence}` : detail,
      };
    }),
    ...(devices === null ? [] : [{ what: 'torch devices', state: 'ok', detail: deviceWords(devices) } as const]),
    {
      what: 'torch engine',
      state: mend === null ? 'ok' : absent,
      detail: mend === null ? 'can be used: --engine torch' : absent === 'missing' ? mend : `${FROM_NOTHING} ${mend}`,
    },
    { what: 'faster engine', state: 'ok', detail: fasterEngine(devices?.device ?? null, mend === null) },
  ];
}

function deviceWords({ device, names, memories, hasBfloat16 }: NonNullable<TorchSetup['devices']>): string {
  const each = names.map((name, i) => (memories[i] === undefined ? name : `${name} (${formatSize(memories[i])})`));
  const precision = hasBfloat16 ? 'bfloat16: yes' : 'bfloat16: no, computes in float32';
  return `${device}: ${each.join(', ')}; ${precision}`;
}

/** Which engine `bench/step.ts` and `bench/score.ts` found faster on such a device. */
function fasterEngine(device: 'cuda' | 'mps' | 'cpu' | null, isFit: boolean): string {
  const known = 'docs/performance.md';
  if (device === 'cuda') return `--engine torch, on the GPU${isFit ? '' : ', once it is set up'}`;
  if (device === 'mps') return `not measured yet on such a GPU; on CPUs onnx, the default (${known})`;
  return `onnx, the default: the faster one on CPUs (${known}); with an NVIDIA GPU it is --engine torch`;
}
