// What a Python has, as it says itself.

/** A Python and what it has. */
export interface PythonFacts {
  /** Its path. */
  python: string;
  /** Versions by name; null for a package that is missing. */
  versions: Record<'python' | 'torch' | 'transformers' | 'peft', string | null>;
  /** Kind of device that torch finds: `cuda`, `mps` or `cpu`; null without torch. */
  device: 'cuda' | 'mps' | 'cpu' | null;
  /** How many of them. */
  devices: number;
  /** Their names. */
  names: string[];
  /** Memory of each in bytes; empty where torch does not say. */
  memories: number[];
  /** Whether they compute in bfloat16. */
  hasBfloat16: boolean;
}
