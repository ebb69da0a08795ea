// What a machine has for the engine on PyTorch: which Python, which packages, which devices.
import { UserError } from '../../core/index.ts';
import type { Precision, RuntimeOptions } from '../types.ts';
import type { FoundPython, PythonFacts } from './python.ts';
import { REQUIRED, askPython, findPython, howToMend, locatePython, settlePrecision, unfitPackages } from './python.ts';

/** A Python or a package that the workers need. */
export interface TorchPart {
  /** Its name. */
  name: 'python' | 'torch' | 'transformers' | 'peft';
  /** Its version; null where it is missing. */
  version: string | null;
  /** The lowest version that will do. */
  least: string;
  /** Whether it will do. */
  isFit: boolean;
}

/** What there is for the engine on PyTorch. */
export interface TorchSetup extends FoundPython {
  /** Why the Python does not run; null where it does. */
  broken: string | null;
  /** The Python and its packages; empty where it does not run. */
  parts: TorchPart[];
  /** Its devices; null where there is no torch. */
  devices: Pick<PythonFacts, 'device' | 'names' | 'memories' | 'hasBfloat16'> | null;
  /** What to do where something is missing or too old; null for nothing. */
  mend: string | null;
}

/**
 * Looks for what the workers need. Imports torch, which takes seconds.
 * @param named - path or command of the Python that the user gave; undefined for none
 */
export async function inspectTorch(named: string | undefined): Promise<TorchSetup> {
  const found = locatePython(named);
  let facts: PythonFacts;
  try {
    facts = await askPython(found.python);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { ...found, broken: error.message, parts: [], devices: null, mend: howToMend([]) };
  }
  const { versions, device, names, memories, hasBfloat16 } = facts;
  const unfit = unfitPackages(versions);
  return {
    ...found,
    broken: null,
    parts: (Object.keys(REQUIRED) as TorchPart['name'][]).map((name) => {
      return { name, version: versions[name], least: REQUIRED[name], isFit: !unfit.includes(name) };
    }),
    devices: device === null ? null : { device, names, memories, hasBfloat16 },
    mend: unfit.length === 0 ? null : howToMend(unfit),
  };
}

/**
 * The element type that the workers would compute in: as it was asked for, or with `auto` as the devices have it.
 * @param runtime - Python, precision
 * @throws UserError `not-supported` where the devices must be known and the Python does not run
 */
export async function settledPrecision({
  python,
  precision = 'auto',
}: Pick<RuntimeOptions, 'python' | 'precision'>): Promise<Precision> {
  return precision === 'auto' ? settlePrecision(precision, await askPython(findPython(python))) : precision;
}
