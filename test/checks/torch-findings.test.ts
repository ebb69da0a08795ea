// What doctor says of the Python of the torch engine: what nobody asked for is no fault, what somebody named is.
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { torchFindings } from '../../src/checks/torch-findings.ts';
import type { Finding } from '../../src/index.ts';
import { inspectTorch } from '../../src/engine/index.ts';
import { temporaryFolder } from '../files/temporary.ts';

const INSTALL = "pip install 'torch>=2.10' 'transformers>=5.17' 'peft>=0.21'";
const fit = { python: '3.12.1', torch: '2.13.0+cu128', transformers: '5.17.0', peft: '0.21.0' };
const cpu = { device: 'cpu', devices: 1, names: ['CPU'], memories: [], hasBfloat16: false };
const none = { device: null, devices: 0, names: [], memories: [], hasBfloat16: false };

/** A program that says what a Python would. */
function fakePython(versions: Record<string, string | null>, devices: object, name = 'python3'): string {
  const folder = temporaryFolder();
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), `#!/bin/sh\necho '${JSON.stringify({ versions, ...devices })}'\n`);
  chmodSync(join(folder, name), 0o755);
  return folder;
}
const alone = (path: string): void => {
  for (const name of ['IOVQA_PYTHON', 'VIRTUAL_ENV', 'CONDA_PREFIX']) vi.stubEnv(name, '');
  vi.stubEnv('PATH', `${path}:/bin:/usr/bin`);
};
const findings = async (named?: string): Promise<Finding[]> => torchFindings(await inspectTorch(named));
const of = (all: readonly Finding[], what: string): string[] =>
  all.filter((one) => one.what === what).map(({ state, detail }) => `${state}: ${detail}`);
afterEach(() => void vi.unstubAllEnvs());

test.skipIf(process.platform === 'win32')(
  'a Python that has all: versions, devices, and which engine is faster',
  async () => {
    const python = join(fakePython(fit, cpu), 'python3');
    const all = await findings(python);
    expect(all.map(({ what, state }) => `${what} ${state}`)).toEqual(
      ['Python', 'torch', 'transformers', 'peft', 'torch devices', 'torch engine', 'faster engine'].map(
        (what) => `${what} ok`,
      ),
    );
    expect(of(all, 'Python')).toEqual([`ok: 3.12.1; 3.10 or later; ${python} (found by --python)`]);
    expect(of(all, 'torch')).toEqual(['ok: 2.13.0+cu128; 2.10 or later']);
    expect(of(all, 'torch devices')).toEqual(['ok: cpu: CPU; bfloat16: no, computes in float32']);
    expect(of(all, 'faster engine')[0]).toMatch(/^ok: onnx, the default/);
    const cards = { device: 'cuda', devices: 2, names: ['A', 'B'], memories: [80e9, 48e9], hasBfloat16: true };
    vi.stubEnv('IOVQA_PYTHON', join(fakePython(fit, cards), 'python3'));
    const two = await findings();
    expect(of(two, 'torch devices')).toEqual(['ok: cuda: A (80 GB), B (48 GB); bfloat16: yes']);
    expect(of(two, 'faster engine')).toEqual(['ok: --engine torch, on the GPU']);
    expect(of(two, 'Python')[0]).toContain('(found by IOVQA_PYTHON)');
  },
);

test.skipIf(process.platform === 'win32')(
  'what is missing or too old of one that has torch, with one line that mends it',
  async () => {
    alone(fakePython({ ...fit, torch: '2.9.1', peft: null }, cpu));
    const all = await findings();
    expect(of(all, 'torch')).toEqual(['missing: 2.9.1; 2.10 or later']);
    expect(of(all, 'peft')).toEqual(['missing: 0.21 or later']);
    expect(of(all, 'transformers')[0]).toMatch(/^ok/);
    expect(of(all, 'torch engine')).toEqual([`missing: ${INSTALL}`]);
    alone(fakePython({ ...fit, python: '3.9.2' }, cpu));
    expect(of(await findings(), 'torch engine')).toEqual(['missing: Use a newer Python, 3.10 at least.']);
  },
);

test.skipIf(process.platform === 'win32')(
  'no Python, or one without torch, is not set up; one that was named is missing',
  async () => {
    const bare = { ...fit, torch: null, transformers: null, peft: null };
    alone(fakePython(bare, none));
    const all = await findings();
    expect(new Set(all.map(({ state }) => state))).toEqual(new Set(['ok', 'not set up']));
    expect(of(all, 'torch engine')[0]).toMatch(
      /^not set up: for GPUs: python3 -m venv .* then pip install 'torch>=2\.10'/,
    );
    vi.stubEnv('PATH', '/nowhere');
    const gone = await findings();
    expect(of(gone, 'Python')[0]).toMatch(
      /^not set up: python3: expected a Python that runs, got .* \(found by PATH\)$/,
    );
    expect(gone.map(({ what }) => what)).toEqual(['Python', 'torch engine', 'faster engine']);
    expect(of(await findings('/no/such/python'), 'torch engine')).toEqual([`missing: ${INSTALL}`]);
  },
);
