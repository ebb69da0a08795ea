// `models pull` and `models list`, and what a pulled model's name is good for: inspect, train, score.
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import sharp from 'sharp';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { TestHub } from '../model/hub-server.ts';
import { hubRepo, startHub } from '../model/hub-server.ts';
import type { CliOptions, CliResult } from './run-cli.ts';
import { runCli, spawnCli } from './run-cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'iovqa-hub-'));
const at = (...names: string[]): string => join(folder, ...names);
let hub: TestHub;

/** No variable of the machine's own leads to its cache or to its token. */
const env = (): NodeJS.ProcessEnv => ({
  HF_HOME: at('home'),
  HF_ENDPOINT: hub.endpoint,
  HF_TOKEN: '',
  HF_TOKEN_PATH: '',
  HF_HUB_CACHE: '',
  HUGGINGFACE_HUB_CACHE: '',
  HF_HUB_OFFLINE: '',
  TRANSFORMERS_OFFLINE: '',
});
const run = (command: string, options: CliOptions = {}): Promise<CliResult> =>
  runCli(command.split(' '), { cwd: folder, ...options, env: { ...env(), ...options.env } });
const json = async <T>(command: string): Promise<T> => {
  const { code, stdout, stderr } = await run(command);
  if (code !== 0) throw new Error(`${command}: exit status ${code}\n${stderr}`);
  return JSON.parse(stdout) as T;
};
const filesOf = async (from: string): Promise<Record<string, Buffer>> => {
  const names = readdirSync(at(from));
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await readFile(at(from, name))] as const)),
  );
};
let commit: string;
let snapshot: string;

beforeAll(async () => {
  hub = await startHub();
  await run('models new model --preset tiny');
  const repo = hubRepo(await filesOf('model'));
  commit = repo.commit;
  snapshot = at('home', 'hub', 'models--Org--Tiny', 'snapshots', commit);
  hub.repos.set('Org/Tiny', repo).set('Org/Gated', { ...hubRepo(await filesOf('model')), gated: 'hf_ok' });
  const rows = ['image,mos'];
  for (let i = 0; i < 6; i++) {
    await sharp({ create: { width: 84, height: 56, channels: 3, background: { r: i * 40, g: 90, b: 120 } } })
      .png()
      .toFile(at(`${i}.png`));
    rows.push(`${i}.png,${1 + i / 2}`);
  }
  await writeFile(at('clips.csv'), `${rows.join('\n')}\n`);
});
afterAll(async () => {
  await hub.close();
  rmSync(folder, { recursive: true });
});
beforeEach(() => hub.faults.clear());

describe('a model of the hub', () => {
  test('is not there before it is pulled, and nothing asks for it', async () => {
    for (const command of [
      'inspect model Org/Tiny',
      'score 0.png --with Org/Tiny',
      'train --model Org/Tiny --manifest clips.csv --out r',
    ]) {
      const { code, stderr } = await run(command);
      expect(stderr).toContain("Org/Tiny: expected a folder, or a model in the hub's cache, got neither");
      expect(stderr).toContain('hint: A model of the hub is pulled first: npm run -s iovqa -- models pull Org/Tiny\n');
      expect(code).toBe(2);
    }
    expect(hub.requests).toEqual([]);
    const { stderr, stdout } = await run('models list');
    expect(stdout).toBe('');
    expect(stderr).toContain('none in');
  });

  test('is stopped with Ctrl-C and goes on', async () => {
    hub.requests.length = 0;
    hub.faults.set('model.safetensors', [{ breakAfter: 65536, stall: true }]);
    const blobFolder = at('home', 'hub', 'models--Org--Tiny', 'blobs');
    // Weights come from the store, after the small files.
    const begun = (): boolean =>
      hub.requests.some(({ server }) => server === 'store') &&
      readdirSync(blobFolder).some((name) => name.endsWith('.incomplete') && statSync(join(blobFolder, name)).size > 0);
    const { code, stderr, stdout } = await spawnCli(['models', 'pull', 'Org/Tiny'], {
      cwd: folder,
      env: env(),
      onStart: (child) => {
        const timer = setInterval(() => {
          if (!begun()) return;
          clearInterval(timer);
          child.kill('SIGINT');
        }, 10);
        child.on('close', () => clearInterval(timer));
      },
    });
    expect(stderr).toContain(`Org/Tiny at main is ${commit}: `);
    expect(stderr).toContain('stopping; the same command goes on');
    expect(stdout).toBe('');
    expect(code).toBe(130);
    expect(readdirSync(blobFolder).filter((name) => name.endsWith('.incomplete'))).toHaveLength(1);
    hub.requests.length = 0;
    const again = await run('models pull Org/Tiny');
    expect(again.stdout).toBe(`Org/Tiny ${commit}\n${snapshot}\n`);
    expect(again.code).toBe(0);
    expect(hub.requests.filter(({ server, range }) => server === 'store' && range !== undefined)).toHaveLength(1);
    expect(
      readFileSync(join(snapshot, 'model.safetensors')).equals(readFileSync(at('model', 'model.safetensors'))),
    ).toBe(true);
  });

  test('is listed', async () => {
    const [model, ...others] = await json<Record<string, unknown>[]>('models list --json');
    expect(others).toEqual([]);
    expect(model).toMatchObject({
      repo: 'Org/Tiny',
      kind: 'model',
      commit,
      revisions: ['main'],
      complete: true,
      folder: snapshot,
    });
    expect((await run('models list')).stdout).toMatch(
      new RegExp(`^name .*\nOrg/Tiny +model +main +${commit} +0\\.\\d\\d +whole\n$`),
    );
    expect(await json('models pull Org/Tiny --json')).toMatchObject({
      repo: 'Org/Tiny',
      revision: 'main',
      commit,
      offline: false,
    });
  });

  test('is used by its name: inspect, train, score, and the adapter that names it', { tags: ['long'] }, async () => {
    const { hash } = await json<{ hash: string }>('inspect model Org/Tiny --json');
    expect(hash).toBe((await json<{ hash: string }>('inspect model model --json')).hash);
    await writeFile(
      at('recipe.yaml'),
      'model: Org/Tiny\nout: run\ndata: { manifest: clips.csv, validation: null }\nlora: { rank: 2 }\nepochs: 1\nbatchSize: 6\n',
    );
    const trained = await run('train recipe.yaml');
    expect(trained.stderr).not.toContain('hint');
    expect(trained.code).toBe(0);
    const adapter = (file: string): Record<string, unknown> =>
      JSON.parse(readFileSync(at('run', 'checkpoints', 'best', file), 'utf8')) as Record<string, unknown>;
    // The name, not this machine's folder, so that it can be loaded elsewhere.
    expect(adapter('adapter_config.json')['base_model_name_or_path']).toBe('Org/Tiny');
    expect(adapter('adapter_config.json')['revision']).toBe(commit);
    expect(adapter('iovqa.json')['baseModel']).toBe(`Org/Tiny@${commit}`);
    expect(readFileSync(at('run', 'recipe.yaml'), 'utf8')).toContain(`\nmodel: "Org/Tiny@${commit}" # `);
    const scored = async (flags: string): Promise<unknown> => json(`score 0.png ${flags} --json`);
    const byRun = await scored('--with run');
    expect(await scored('--with run --model Org/Tiny')).toEqual(byRun);
    expect(await scored('--with run --model model')).toEqual(byRun);
    expect((await run('train --out run --resume')).code).toBe(0);

    hub.repos.set('Org/Adapter', hubRepo(await filesOf('run/checkpoints/best')));
    const { files } = await json<{ files: string[] }>('models pull Org/Adapter --json');
    expect(files.toSorted()).toEqual(['adapter_config.json', 'adapter_model.safetensors', 'iovqa.json']);
    expect(await scored('--with Org/Adapter')).toEqual(byRun);
  });

  test('stays what a run began with, also when its branch is another', { tags: ['long'] }, async () => {
    const [old] = [hub.repos.get('Org/Tiny')!];
    await run('models new other --preset tiny --seed 1');
    const next = hubRepo(await filesOf('other'));
    hub.repos.set('Org/Tiny', next);
    expect((await run('models pull Org/Tiny')).stdout).toContain(next.commit);
    const { code, stderr } = await run('train recipe.yaml --resume');
    expect(stderr).toContain(
      `expected the recipe that the run was begun with, got another model (Org/Tiny@${next.commit})`,
    );
    expect(stderr).toContain(
      `hint: The run's model is Org/Tiny@${commit}; --out ${at('run')} --resume, without a recipe`,
    );
    expect(code).toBe(2);
    expect((await run('train --out run --resume')).code).toBe(0);
    expect((await run('score 0.png --with run')).code).toBe(0);
    expect((await run('score 0.png --with run --model Org/Tiny')).stderr).toMatch(/hash|base/);
    hub.repos.set('Org/Tiny', old);
    await run('models pull Org/Tiny');
    expect((await run('train recipe.yaml --resume')).code).toBe(0);
  });

  test('is there without network, by name and commit', async () => {
    const offline = { env: { HF_HUB_OFFLINE: '1' } };
    const { code, stdout, stderr } = await run(`models pull Org/Tiny --revision ${commit}`, offline);
    expect(stdout).toBe(`Org/Tiny ${commit}\n${snapshot}\n`);
    expect(stderr).toContain('note: the hub was not asked');
    expect(code).toBe(0);
    const none = await run('models pull Org/Gated', offline);
    expect(none.stderr).toMatch(/^iovqa: .*: expected the hub, got none: HF_HUB_OFFLINE is set\nhint: .*\n$/);
    expect(none.code).toBe(2);
  });

  test('that is gated wants a token, which may lie in its file', async () => {
    const { code, stderr } = await run('models pull Org/Gated');
    expect(stderr).toContain(`hint: Accept its licence at ${hub.endpoint}/Org/Gated and set HF_TOKEN`);
    expect(code).toBe(2);
    await writeFile(at('home', 'token'), 'hf_ok\n');
    expect((await run('models pull Org/Gated')).code).toBe(0);
    const bad = await run('models pull Org/Gated', { env: { HF_TOKEN: 'hf_sécret' } });
    expect(bad.stderr).toMatch(/HF_TOKEN: expected a token/);
    expect(bad.stderr).not.toContain('cret');
  });
});
