// The Python that a command line names for the torch engine. A recipe cannot: no file may make iovqa run a program.
import { UserError } from '../core/index.ts';
import type { OpenEngine } from '../engine/index.ts';
import { openEngine } from '../engine/index.ts';

/**
 * Opens engines with a Python.
 * @param python - from `--python`; undefined for none
 * @returns options of `train` and `crossValidate`; none without a Python
 */
export function withPython(python: string | undefined): { openEngine?: OpenEngine } {
  if (python === undefined) return {};
  return {
    openEngine: (checkpoint, options = {}) => {
      if (options.runtime?.engine !== 'torch') {
        throw new UserError('bad-input', '--python: expected --engine torch beside it, got onnx');
      }
      return openEngine(checkpoint, { ...options, runtime: { ...options.runtime, python } });
    },
  };
}
