// Which Python is found, and what is told where it lacks something.
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { PythonFacts } from '../../../src/engine/torch/python.ts';
import { askPython, findPython, isOlder, requirePackages } from '../../../src/engine/torch/python.ts';
import { temporaryFolder } from '../../files/temporary.ts';

test('is the one that is named, of the variable, of an active environment, or of the system', () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'bin'));
  writeFileSync(join(folder, 'bin', 'python'), '');
  expect(findPython('/one', { IOVQA_PYTHON: '/two', VIRTUAL_ENV: folder })).toBe('/one');
  expect(findPython(undefined, { IOVQA_PYTHON: '/two', VIRTUAL_ENV: folder })).toBe('/two');
  expect(findPython(undefined, { VIRTUAL_ENV: folder })).toBe(join(folder, 'bin', 'python'));
  expect(findPython(undefined, { VIRTUAL_ENV: join(folder, 'gone') })).toBe('python3');
});

test('versions are compared by their numbers', () => {
  expect(['2.9.1', '2.10.0+cpu', '2.13', '3'].map((version) => isOlder(version, '2.10'))).toEqual([
    true,
    false,
    false,
    false,
  ]);
});

test('names every package that is missing or too old, and the line that installs them', () => {
  const facts: PythonFacts = {
    python: 'py',
    versions: { python: '3.11.2', torch: '2.9.0+cu128', transformers: null, peft: '0.21.0' },
    device: 'cpu',
    devices: 1,
    names: [],
    memories: [],
    hasBfloat16: false,
  };
  expect(() => requirePackages(facts)).toThrow(
    expect.objectContaining({
      message:
        'py: expected python 3.10, torch 2.10, transformers 5.17, peft 0.21 or later, got: torch is 2.9.0+cu128, transformers is missing',
      hint: "pip install 'torch>=2.10' 'transformers>=5.17' 'peft>=0.21'",
    }) as Error,
  );
});

test.skipIf(process.platform === 'win32')('a Python that does not run says why', async () => {
  const python = join(temporaryFolder(), 'python');
  writeFileSync(python, '#!/bin/sh\necho "cannot find its library" >&2\nexit 1\n');
  chmodSync(python, 0o755);
  await expect(askPython(python)).rejects.toThrow(
    `${python}: expected a Python that runs, got cannot find its library`,
  );
  await expect(askPython('/no/such/python')).rejects.toThrow('/no/such/python: expected a Python that runs');
});
