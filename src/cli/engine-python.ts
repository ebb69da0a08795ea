// What a command line says of the torch engine that no recipe may: which Python runs it, and which machines.
import { UserError } from '../core/index.ts';
import type { Machines, OpenEngine } from '../engine/index.ts';
import { openEngine } from '../engine/index.ts';

/**
 * Opens engines with a Python, on machines. A recipe cannot name a Python: no file may make iovqa run a program.
 * @param python - from `--python`; undefined for none
 * @param machines - of `--nodes`; undefined for this one alone
 * @returns options of `train`, `crossValidate` and scorers; none without either
 */
export function withPython(python: string | undefined, machines?: Machines): { openEngine?: OpenEngine } {
  if (python === undefined && machines === undefined) return {};
  return {
    openEngine: (checkpoint, options = {}) => {
      if (options.runtime?.engine !== 'torch') {
        const flag = machines === undefined ? '--python' : 'several machines';
        throw new UserError('bad-input', `${flag}: expected --engine torch beside it, got onnx`);
      }
      const named = python === undefined ? {} : { python };
      return openEngine(checkpoint, { ...options, runtime: { ...options.runtime, ...named, machines } });
    },
  };
}
