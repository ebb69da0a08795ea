// What workers want a user to know reaches who attaches a model: a GPU that does without the kernel for dropout must not do so in silence.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { openEngine } from '../../../src/engine/index.ts';
import { createRandomCheckpoint, openCheckpoint } from '../../../src/model/index.ts';
import { temporaryFolder } from '../../files/temporary.ts';
import { needsPython, python } from '../../reference/python.ts';
import { fakePython } from './fake-python.ts';

test('notes of an attached model are told once', async () => {
  const folder = temporaryFolder();
  await createRandomCheckpoint(join(folder, 'model'), { preset: 'tiny' });
  const program = `hello(); ready();
asked(({ id, op }) => send({ op: 'done', id, free: null, ...(op === 'attach' ? { notes: ['slow', 'slow'] } : {}) }));`;
  const fake = fakePython(folder, program);
  await using engine = await openEngine(await openCheckpoint(join(folder, 'model')), {
    runtime: { engine: 'torch', python: fake.python, devices: 1 },
  });
  await using model = await engine.attach({ lora: null, parameters: null, training: null, answers: null });
  expect(model.notes).toEqual(['slow']);
});

test.skipIf(python === undefined)(`a GPU whose kernel cannot be used is one with a note (${needsPython})`, () => {
  const code = fileURLToPath(new URL('../../../engine-torch', import.meta.url));
  const said = execFileSync(python!, [
    '-B',
    '-c',
    `import sys; sys.path.insert(0, sys.argv[1])
import torch
from dropout import kernel_of, kernel_trouble
cpu, gpu = torch.device("cpu"), torch.device("cuda")
print(kernel_of(cpu), kernel_trouble(cpu))
if not torch.cuda.is_available():
    print(kernel_of(gpu), kernel_trouble(gpu))`,
    code,
  ]).toString();
  expect(said).toMatch(/^None None\n(None dropout takes several passes instead of one kernel: \w+: .+\n)?$/);
});
