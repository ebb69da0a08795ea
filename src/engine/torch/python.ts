// Which Python runs the workers, and what it has: the user's, never one of ours.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UserError, invariant } from '../../core/index.ts';
import type { Precision } from '../types.ts';
import type { PythonFacts } from './python-facts.ts';

export type { PythonFacts } from './python-facts.ts';

/** Lowest versions that the workers run with. */
export const REQUIRED: Readonly<Record<'python' | 'torch' | 'transformers' | 'peft', string>> = {
  python: '3.10',
  torch: '2.10',
  transformers: '5.17',
  peft: '0.21',
};

/** The line that installs what is missing. */
export const INSTALL: string = `pip install 'torch>=${REQUIRED.torch}' 'transformers>=${REQUIRED.transformers}' 'peft>=${REQUIRED.peft}'`;

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
facts = {"versions": versions, "device": None, "devices": 0, "names": [], "memories": [], "hasBfloat16": False}
if versions["torch"]:
    import torch
    if torch.cuda.is_available():
        count = torch.cuda.device_count()
        names = [torch.cuda.get_device_name(i) for i in range(count)]
        memories = [torch.cuda.get_device_properties(i).total_memory for i in range(count)]
        has = torch.cuda.is_bf16_supported(including_emulation=False)
        facts.update(device="cuda", devices=count, names=names, memories=memories, hasBfloat16=has)
    elif torch.backends.mps.is_available():
        facts.update(device="mps", devices=1, names=["Apple GPU"])
    else:
        facts.update(device="cpu", devices=1, names=["CPU"])
print(json.dumps(facts))
`;

/** A Python, and what it was found by. */
export interface FoundPython {
  /** Path or command. */
  python: string;
  /** What named it: an option, a variable of the environment, or the search path. */
  by: '--python' | 'IOVQA_PYTHON' | 'VIRTUAL_ENV' | 'CONDA_PREFIX' | 'PATH';
}

/**
 * The Python to use: the one that is named, `IOVQA_PYTHON`, that of an active virtual environment, or `python3`.
 * @param named - path or command that the user gave; undefined for none
 * @param environment - variables of the process
 */
export function locatePython(named: string | undefined, environment: NodeJS.ProcessEnv = process.env): FoundPython {
  if (named !== undefined) return { python: named, by: '--python' };
  if (environment['IOVQA_PYTHON']) return { python: environment['IOVQA_PYTHON'], by: 'IOVQA_PYTHON' };
  for (const variable of ['VIRTUAL_ENV', 'CONDA_PREFIX'] as const) {
    const folder = environment[variable];
    const python = folder ? join(folder, 'bin', 'python') : '';
    if (python !== '' && existsSync(python)) return { python, by: variable };
  }
  return { python: 'python3', by: 'PATH' };
}

/** The path or command of {@link locatePython}. */
export function findPython(named: string | undefined, environment?: NodeJS.ProcessEnv): string {
  return locatePython(named, environment).python;
}

const known = new Map<string, PythonFacts>();

/**
 * Refuses Windows.
 * @throws UserError `not-supported` there
 */
export function requirePlatform(): void {
  if (process.platform === 'win32') {
    throw new UserError('not-supported', 'runtime.engine: expected onnx on Windows, got torch', {
      hint: 'Use the Windows Subsystem for Linux (WSL).',
    });
  }
}

/**
 * Asks a Python what it has, which takes seconds: one that has what is needed is asked once.
 * @param python - path or command
 * @throws UserError `not-supported` when it does not run
 */
export async function askPython(python: string): Promise<PythonFacts> {
  const facts = known.get(python) ?? (await ask(python));
  if (unfitPackages(facts.versions).length === 0) known.set(python, facts);
  return facts;
}

async function ask(python: string): Promise<PythonFacts> {
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
 * What the workers cannot run with.
 * @param versions - from {@link askPython}
 * @returns names of those that are missing or older than {@link REQUIRED}
 */
export function unfitPackages(versions: PythonFacts['versions']): (keyof typeof REQUIRED)[] {
  return (Object.keys(REQUIRED) as (keyof typeof REQUIRED)[]).filter((name) => {
    const has = versions[name];
    return has === null || isOlder(has, REQUIRED[name]);
  });
}

/** What makes a Python fit whose {@link unfitPackages} are these. */
export function howToMend(unfit: readonly string[]): string {
  return unfit.includes('python') ? `Use a newer Python, ${REQUIRED.python} at least.` : INSTALL;
}

/**
 * Refuses what the workers cannot run with.
 * @param facts - from {@link askPython}
 * @throws UserError `not-supported` that names every package
 */
export function requirePackages({ python, versions }: PythonFacts): void {
  const unfit = unfitPackages(versions);
  if (unfit.length === 0) return;
  const wanted = Object.entries(REQUIRED).map(([name, version]) => `${name} ${version}`);
  const wrong = unfit.map((name) => `${name} is ${versions[name] ?? 'missing'}`);
  throw new UserError('not-supported', `${python}: expected ${wanted.join(', ')} or later, got: ${wrong.join(', ')}`, {
    hint: howToMend(unfit),
  });
}

/**
 * The element type that workers compute in.
 * @param precision - as it was asked for
 * @param facts - of the Python
 */
export function settlePrecision(
  precision: 'auto' | Precision,
  { device, hasBfloat16 }: Pick<PythonFacts, 'device' | 'hasBfloat16'>,
): Precision {
  if (precision !== 'auto') return precision;
  return device === 'cuda' && hasBfloat16 ? 'bfloat16' : 'float32';
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
