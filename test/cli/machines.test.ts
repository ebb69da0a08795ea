// Which machine this one is among several: by flags, by what srun says; and what is missing is named.
import { describe, expect, test } from 'vitest';
import { flagRole, machineRole } from '../../src/cli/machines.ts';
import { firstNode, slurmStep } from '../../src/cli/slurm.ts';
import { runCli } from './run-cli.ts';

test.each([
  ['node01', 'node01'],
  ['node[01-03,7]', 'node01'],
  ['node[7,01-03]', 'node7'],
  ['gpu-a,gpu-b', 'gpu-a'],
  ['login,node[01-03]', 'login'],
  ['rack[2-4]n[08-16],login', 'rack2n08'],
  ['n[1-2]-ib', 'n1-ib'],
])('the first node of %s', (list, name) => expect(firstNode(list)).toBe(name));

const step = {
  SLURM_JOB_ID: '123456',
  SLURM_STEP_NODELIST: 'node[01-03]',
  SLURM_STEP_NUM_NODES: '3',
  SLURM_STEP_NUM_TASKS: '3',
  SLURM_NODEID: '2',
};

describe('under Slurm', () => {
  test('a task of a step on several nodes', () => {
    expect(slurmStep(step)).toEqual({ nodes: 3, node: 2, master: 'node01:23456' });
    expect(machineRole({}, step)).toEqual({ kind: 'other', master: 'node01:23456' });
    expect(machineRole({}, { ...step, SLURM_NODEID: '0' })).toEqual({
      kind: 'first',
      nodes: 3,
      master: 'node01:23456',
    });
  });

  test.each([
    ['outside of srun', { SLURM_JOB_ID: '1', SLURM_NNODES: '3', SLURM_NODEID: '0', SLURM_JOB_NODELIST: 'node[01-03]' }],
    ['on one node', { ...step, SLURM_STEP_NODELIST: 'node01', SLURM_STEP_NUM_NODES: '1', SLURM_STEP_NUM_TASKS: '1' }],
    ['elsewhere', {}],
  ])('%s there is none', (_, environment) => {
    expect(slurmStep(environment)).toBe(null);
    expect(machineRole({}, environment)).toEqual({ kind: 'alone' });
  });

  test('flags come first', () => {
    expect(machineRole({ master: '10.0.0.9:1234' }, step)).toEqual({ kind: 'other', master: '10.0.0.9:1234' });
    expect(machineRole({ nodes: 1 }, step)).toEqual({ kind: 'alone' });
  });

  test('several tasks on a node', () => {
    expect(() => slurmStep({ ...step, SLURM_STEP_NUM_TASKS: '24' })).toThrow(
      'expected one task a node from srun, got 24 tasks on 3 nodes',
    );
  });
});

test('flags', () => {
  expect(flagRole({})).toEqual({ kind: 'alone' });
  expect(flagRole({ nodes: 2, master: 'a:1' })).toEqual({ kind: 'first', nodes: 2, master: 'a:1' });
  expect(() => flagRole({ nodes: 2 })).toThrow('--nodes 2: expected --master HOST:PORT beside it, got none');
  expect(() => flagRole({ nodes: 0 })).toThrow('--nodes: expected a whole number of at least 1, got 0');
  expect(() => flagRole({ master: 'a:1' })).toThrow('--master: expected --nodes N beside it');
});

const token = { IOVQA_TOKEN: '0123456789abcdef' };

test.each<[string, string[], NodeJS.ProcessEnv, string]>([
  [
    'no secret',
    ['worker', '--master', '127.0.0.1:1'],
    { IOVQA_TOKEN: '' },
    'IOVQA_TOKEN: expected the same secret of at least 16 characters on all machines, got none',
  ],
  ['a short secret', ['worker', '--master', '127.0.0.1:1'], { IOVQA_TOKEN: 'abc' }, 'got 3 characters'],
  [
    'no port',
    ['worker', '--master', 'here'],
    token,
    '--master: expected HOST:PORT, such as 10.0.0.1:29400, got "here"',
  ],
  [
    'another engine',
    ['score', 'a.png', '--nodes', '2', '--master', '127.0.0.1:1'],
    token,
    '--nodes: expected --engine torch beside it, got onnx',
  ],
])('%s', async (_, args, env, message) => {
  const { code, stderr } = await runCli(args, { env });
  expect(stderr).toContain(message);
  expect(code).toBe(2);
});
