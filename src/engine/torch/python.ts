// Which Python runs the workers, and what it has: the user's, never one of ours.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UserError, invariant } from '../../core/index.ts';

/** Lowest versions that the workers run with. */
export const REQUIRED: Readonly<Record<'python' | 'torch' | 'transformers' | 'peft', string>> = {
  python: '3.10',
  torch: '2.10',
  transformers: '5.17',
  peft: '0.21',
};

/** The line that installs what is missing. */
export const INSTALL: string = `pip install 'torch>=${REQUIRED.torch}' 'transformers>=${REQUIRED.transformers}' 'peft>=${REQUIRED.peft}'`;

/** A Python and what it has. */
export interface PythonFacts {
  /** Its path. */
  python: string;
  /** Versions by name; null for a package that is missing. */
  versions: Record<keyof typeof REQUIRED, string | null>;
  /** Kind of device that torch finds: `cuda`, `mps` or `cpu`; null without torch. */
  device: 'cuda' | 'mps' | 'cpu' | null;
  /** How many of them. */
  devices: number;
  /** Their names. */
  names: string[];
  /** Whether they compute in bfloat16. */
  hasBfloat16: boolean;
}

/** Asks a Python what it has; versions come from the packages' metadata, which imports nothing. */
const QUESTION = `
import json, sys
from importlib.metadata import PackageNotFoundError, version
def found(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return None
versions = {name: found(name) for name in ("torch", "transformers", "peft")}
versions["python"] = ".".join(map(str, sys.version_info[:3]))
facts = {"versions": versions, "device": None, "devices": 0, "names": [], "hasBfloat16": False}
if versions["torch"]:
    import torch
    if torch.cuda.is_available():
        count = torch.cuda.device_count()
        names = [torch.cuda.get_device_name(i) for i in range(count)]
        facts.update(device="cuda", devices=count, names=names, hasBfloat16=torch.cuda.is_bf16_supported())
    elif torch.backends.mps.is_available():
        facts.update(device="mps", devices=1, names=["Apple GPU"])
    else:
        facts.update(device="cpu", devices=1, names=["CPU"])
print(json.dumps(facts))
`;

/**
 * The Python to use: the one that is named, `IOVQA_PYTHON`, that of an active virtual environment, or `python3`.
 * @param named - path or command that the user gave; undefined for none
 * @param environment - variables of the process
 */
export function findPython(named: string | undefined, environment: NodeJS.ProcessEnv = process.env): string {
  if (named !== undefined) return named;
  if (environment['IOVQA_PYTHON']) return environment['IOVQA_PYTHON'];
  for (const variable of ['VIRTUAL_ENV', 'CONDA_PREFIX']) {
    const folder = environment[variable];
    const python = folder ? join(folder, 'bin', 'python') : '';
    if (python !== '' && existsSync(python)) return python;
  }
  return 'python3';
}

/**
 * Asks a Python what it has.
 * @param python - path or command
 * @throws UserError `not-supported` when it does not run
 */
export async function askPython(python: string): Promise<PythonFacts> {
  const { error, stdout, stderr } = await new Promise<{ error: Error | null; stdout: string; stderr: string }>(
    (resolve) => {
      const env = { ...process.env, PYTHONNOUSERSITE: '1' };
      execFile(python, ['-I', '-c', QUESTION], { env }, (error, stdout, stderr) => resolve({ error, stdout, stderr }));
    },
  );
  if (error !== null) {
    const said = stderr.trim().split('\n').at(-1) ?? '';
    throw new UserError('not-supported', `${python}: expected a Python that runs, got ${said || error.message}`, {
      hint: `Name one with --python or IOVQA_PYTHON, or activate a virtual environment that has the packages: ${INSTALL}`,
    });
  }
  return { python, ...(JSON.parse(stdout) as Omit<PythonFacts, 'python'>) };
}

/**
 * Refuses what the workers cannot run with.
 * @param facts - from {@link askPython}
 * @throws UserError `not-supported` that names every package
 */
export function requirePackages({ python, versions }: PythonFacts): void {
  const wrong = (Object.keys(REQUIRED) as (keyof typeof REQUIRED)[]).flatMap((name) => {
    const has = versions[name];
    if (has !== null && !isOlder(has, REQUIRED[name])) return [];
    return [`${name} ${has === null ? 'is missing' : `is ${has}`}`];
  });
  if (wrong.length === 0) return;
  const wanted = Object.entries(REQUIRED).map(([name, version]) => `${name} ${version}`);
  throw new UserError('not-supported', `${python}: expected ${wanted.join(', ')} or later, got: ${wrong.join(', ')}`, {
    hint: versions.python !== null && isOlder(versions.python, REQUIRED.python) ? 'Use a newer Python.' : INSTALL,
  });
}

/** Whether a version such as `2.13.0+cpu` is older than `2.10`. */
export function isOlder(version: string, than: string): boolean {
  const [own, other] = [version, than].map((text) =>
    text
      .split('+')[0]!
      .split('.')
      .map((part) => parseInt(part, 10)),
  );
  invariant(own !== undefined && other !== undefined, 'two versions');
  for (const [i, number] of other.entries()) {
    const difference = (own[i] ?? 0) - number;
    if (difference !== 0) return difference < 0;
  }
  return false;
}
