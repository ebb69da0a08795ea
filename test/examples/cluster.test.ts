// The templates for clusters: their scripts are run with programs that only tell how they are called, and their fields are those that
// Kubeflow's definition of a PyTorchJob and SkyPilot's of a task have. Which tools have seen them is in docs/gpu.md.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { buildProgram } from '../../src/cli/program/index.ts';
import { Terminal } from '../../src/cli/terminal.ts';
import { temporaryFolder } from '../files/temporary.ts';

const folder = fileURLToPath(new URL('../../examples/cluster/', import.meta.url));
const read = (name: string): string => readFileSync(join(folder, name), 'utf8');

/** Options of a command line of iovqa, as the program reads them. */
function optionsOf([program, name, ...args]: readonly string[]): Record<string, unknown> {
  expect(program).toBe('iovqa');
  const command = buildProgram(new Terminal(process)).commands.find((one) => one.name() === name)!;
  const { unknown } = command.parseOptions(args);
  expect(unknown).toEqual([]);
  const { header: _, ...given } = command.opts<Record<string, unknown>>(); // of --no-header, which has a default
  return { command: name, ...given };
}

/** Runs a script of bash with programs in the place of others; gives how they were called. */
function runWith(script: string, programs: readonly string[], env: Record<string, string> = {}): string[][] {
  const at = temporaryFolder();
  mkdirSync(join(at, 'bin'));
  writeFileSync(join(at, 'bin', 'activate'), '');
  for (const name of programs) {
    const path = join(at, 'bin', name);
    writeFileSync(path, `#!/bin/bash\nprintf '%s\\t' ${name} "$@" >> calls\necho "\${IOVQA_TOKEN}" >> calls\n`);
    chmodSync(path, 0o755);
  }
  const path = `${join(at, 'bin')}:${process.env['PATH']}`;
  execFileSync('bash', ['-c', script], { cwd: at, env: { PATH: path, HOME: at, ...env } });
  return readFileSync(join(at, 'calls'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => line.split('\t'));
}

test('there is a test for each', () => {
  expect(readdirSync(folder).toSorted()).toEqual(['kubernetes.yaml', 'skypilot.yaml', 'slurm.sh']);
});

test.skipIf(process.platform === 'win32')('slurm.sh: one task a node, the same command on all, with a secret', () => {
  const script = read('slurm.sh');
  const options = new Map(
    [...script.matchAll(/^#SBATCH --([a-z-]+)(?:=(.*))?$/gm)].map(([, name, value]) => [name, value]),
  );
  expect(options.get('ntasks-per-node')).toBe('1');
  const calls = runWith(script, ['srun'], { IOVQA_ENVIRONMENT: '.' });
  expect(calls).toHaveLength(1);
  const words = calls[0]!;
  expect(words.at(-1)).toMatch(/^[0-9a-f]{64}$/);
  expect(words.slice(0, 3)).toEqual(['srun', '--kill-on-bad-exit=1', '--wait=60']);
  expect(optionsOf(words.slice(3, -1))).toEqual({ command: 'train', engine: 'torch', resume: true });
});

/** What a template may have: strict, so that a word that is written wrongly is found. */
const container = z.strictObject({
  name: z.literal('pytorch'),
  image: z.string(),
  command: z.array(z.string()),
  args: z.array(z.string()).optional(),
  env: z.array(
    z.strictObject({
      name: z.string(),
      valueFrom: z.strictObject({
        fieldRef: z.strictObject({ fieldPath: z.literal('status.podIP') }).optional(),
        secretKeyRef: z.strictObject({ name: z.string(), key: z.string() }).optional(),
      }),
    }),
  ),
  resources: z.strictObject({ limits: z.record(z.string(), z.number()) }),
  volumeMounts: z.array(z.strictObject({ name: z.string(), mountPath: z.string() })),
});
const replicas = z.strictObject({
  replicas: z.number(),
  restartPolicy: z.enum(['Always', 'OnFailure', 'Never', 'ExitCode']),
  template: z.strictObject({
    spec: z.strictObject({
      containers: z.tuple([container]),
      volumes: z.array(
        z.strictObject({
          name: z.string(),
          persistentVolumeClaim: z.strictObject({ claimName: z.string() }).optional(),
          emptyDir: z.strictObject({ medium: z.literal('Memory') }).optional(),
        }),
      ),
    }),
  }),
});
const pytorchJob = z.strictObject({
  apiVersion: z.literal('kubeflow.org/v1'),
  kind: z.literal('PyTorchJob'),
  metadata: z.strictObject({ name: z.string() }),
  spec: z.strictObject({
    runPolicy: z.strictObject({ cleanPodPolicy: z.enum(['All', 'Running', 'None']) }),
    pytorchReplicaSpecs: z.strictObject({ Master: replicas, Worker: replicas }),
  }),
});

test('kubernetes.yaml: the first pod by its address, the others by the name of its service', () => {
  const { metadata, spec } = pytorchJob.parse(parse(read('kubernetes.yaml')));
  const { Master: first, Worker: others } = spec.pytorchReplicaSpecs;
  const [one] = first.template.spec.containers;
  const [other] = others.template.spec.containers;
  expect(optionsOf([...one.command, ...(one.args ?? [])])).toEqual({
    command: 'train',
    engine: 'torch',
    resume: true,
    nodes: first.replicas + others.replicas,
    master: '$(POD_IP):29400',
  });
  expect(optionsOf(other.command)).toEqual({ command: 'worker', master: `${metadata.name}-master-0:29400` });
  for (const { env, volumeMounts } of [one, other]) {
    expect(env.map(({ name }) => name)).toEqual(['POD_IP', 'IOVQA_TOKEN']);
    expect(volumeMounts.map(({ name }) => name)).toEqual(first.template.spec.volumes.map(({ name }) => name));
  }
});

const task = z.strictObject({
  name: z.string(),
  num_nodes: z.number(),
  resources: z.strictObject({ accelerators: z.string() }),
  secrets: z.strictObject({ IOVQA_TOKEN: z.null() }),
  file_mounts: z.record(
    z.string(),
    z.strictObject({ source: z.string(), mode: z.enum(['MOUNT', 'COPY', 'MOUNT_CACHED']) }),
  ),
  setup: z.string(),
  run: z.string(),
});

test.skipIf(process.platform === 'win32')('skypilot.yaml: the first node drives, the others work for it', () => {
  const { setup, run, num_nodes: nodes } = task.parse(parse(read('skypilot.yaml')));
  execFileSync('bash', ['-n', '-c', setup]);
  const script = run.replace('~/iovqa-torch/bin/activate', 'bin/activate');
  const calls = [0, 1].map((rank) => {
    const env = {
      SKYPILOT_NODE_RANK: `${rank}`,
      SKYPILOT_NUM_NODES: `${nodes}`,
      SKYPILOT_NODE_IPS: '10.0.0.1\n10.0.0.2',
    };
    const [words] = runWith(script, ['iovqa'], { ...env, IOVQA_TOKEN: 'x' });
    return optionsOf(words!.slice(0, -1));
  });
  const master = '10.0.0.1:29400';
  expect(calls[0]).toEqual({ command: 'train', engine: 'torch', resume: true, nodes, master });
  expect(calls[1]).toEqual({ command: 'worker', master });
});
