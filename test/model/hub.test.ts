// Pulling from a hub on localhost: the cache's layout, interruptions, hashes, refusals, and what the server may not do.
import { spawn } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { UserError, randomStream } from '../../src/core/index.ts';
import type { HubSettings, PullOptions, PulledModel } from '../../src/model/index.ts';
import { findModelFolder, listCachedModels, pullModel } from '../../src/model/index.ts';
import { temporaryFolder } from '../files/temporary.ts';
import { baseConfig } from './checkpoint-fixtures.ts';
import type { Fault, HubRepo, TestHub } from './hub-server.ts';
import { gitHash, hubRepo, sha256, startHub } from './hub-server.ts';

let hub: TestHub;
beforeAll(async () => {
  hub = await startHub();
});
afterAll(() => hub.close());
beforeEach(() => {
  hub.repos.clear();
  hub.faults.clear();
  hub.requests.length = 0;
  hub.listingFaults.length = 0;
});

const noise = (size: number, seed: number): Buffer => {
  const stream = randomStream(seed);
  return Buffer.from(Uint8Array.from({ length: size }, () => stream.below(256)));
};
const SHARD = 300_000;
const shardA = noise(SHARD, 1);
const shardB = noise(SHARD, 2);
const [nameA, nameB] = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'] as const;
const index = (...names: string[]): string =>
  JSON.stringify({ metadata: {}, weight_map: Object.fromEntries(names.map((name, i) => [`tensor.${i}`, name])) });

/** A model in two shards among files that nobody needs. */
function modelRepo(): HubRepo {
  return hubRepo({
    '.gitattributes': 'x',
    'README.md': 'x',
    LICENSE: 'Apache',
    'config.json': JSON.stringify(baseConfig()),
    'generation_config.json': '{}',
    'preprocessor_config.json': '{}',
    'tokenizer.json': '{"tok": "é"}',
    'tokenizer_config.json': '{}',
    'vocab.json': '{}',
    'merges.txt': '',
    'chat_template.json': '{}',
    'additional_chat_templates/tools.jinja': 'x',
    'model.safetensors.index.json': index(nameA, nameB, nameA),
    [nameA]: shardA,
    [nameB]: shardB,
    'pytorch_model.bin': 'pickle',
    'modeling_own.py': 'code',
    'onnx/model.onnx': 'x',
    'model.fp16.safetensors': 'x',
  });
}

const wanted = [
  'LICENSE',
  'additional_chat_templates/tools.jinja',
  'chat_template.json',
  'config.json',
  'generation_config.json',
  'merges.txt',
  nameA,
  nameB,
  'model.safetensors.index.json',
  'preprocessor_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'vocab.json',
];

interface Shop {
  cacheFolder: string;
  at: (...names: string[]) => string;
  pull: (options?: PullOptions & { token?: string; offline?: boolean; endpoint?: string }) => Promise<PulledModel>;
}

/** A cache of its own. */
function shop(name = 'Org/Model'): Shop {
  const cacheFolder = join(temporaryFolder(), 'hub');
  return {
    cacheFolder,
    at: (...names) => join(cacheFolder, `models--${name.replace('/', '--')}`, ...names),
    pull: ({ token, offline = false, endpoint = hub.endpoint, ...options } = {}) => {
      const settings: HubSettings = { endpoint, cacheFolder, token: token ?? null, offline };
      return pullModel(name, { settings, retryDelayMs: 1, ...options });
    },
  };
}

async function refusal(run: Promise<unknown>): Promise<UserError> {
  const error = await run.then(
    () => new Error('no error'),
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(UserError);
  return error as UserError;
}

/** The blob of shard A is there, whole, and nothing else of it. */
function expectShardA({ at }: Shop): void {
  expect(readFileSync(at('blobs', sha256(shardA))).equals(shardA)).toBe(true);
  expect(readdirSync(at('blobs')).filter((name) => name.includes('incomplete'))).toEqual([]);
}
const busy = (): Fault[] => Array.from({ length: 6 }, () => ({ status: 500 }));
const contentRequests = (name: string): (string | undefined)[] =>
  hub.requests.filter(({ server, path }) => server === 'store' && path.includes(name)).map(({ range }) => range);

describe('a pull', () => {
  it("writes the files that are needed in the layout of the hub's cache", async () => {
    const repo = modelRepo();
    hub.repos.set('Org/Model', repo);
    const s = shop();
    const plans: unknown[] = [];
    const pulled = await s.pull({ onPlan: (plan) => plans.push(plan) });
    const folder = s.at('snapshots', repo.commit);
    expect(pulled).toMatchObject({ repo: 'Org/Model', revision: 'main', commit: repo.commit, folder, offline: false });
    expect(pulled.files.toSorted()).toEqual(wanted);
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
      (f) => !lstatSync(join(folder, f)).isDirectory(),
    );
    expect(files.sort()).toEqual(wanted);
    for (const name of wanted) {
      const content = repo.files.get(name)!;
      const etag = repo.lfs.has(name) ? sha256(content) : gitHash(content);
      expect(readlinkSync(join(folder, name))).toBe(`${name.includes('/') ? '../' : ''}../../blobs/${etag}`);
      expect(readFileSync(join(folder, name)).equals(content)).toBe(true);
    }
    expect(readFileSync(s.at('refs', 'main'), 'utf8')).toBe(repo.commit);
    expect(readdirSync(s.at('refs'))).toEqual(['main']);
    const sizeBytes = wanted.reduce((total, name) => total + repo.files.get(name)!.length, 0);
    expect(pulled.sizeBytes).toBe(sizeBytes);
    const first = ['config.json', 'model.safetensors.index.json'].reduce((n, f) => n + repo.files.get(f)!.length, 0);
    expect(plans).toMatchObject([{ commit: repo.commit, sizeBytes, missingBytes: sizeBytes - first }]);
    expect(await findModelFolder('Org/Model', s.cacheFolder)).toBe(folder);
  });

  it('gets nothing again that is here, and only the commit that the revision is', async () => {
    const repo = modelRepo();
    hub.repos.set('Org/Model', repo);
    repo.revisions.push('v1.0', 'refs/pr/3');
    const s = shop();
    await s.pull();
    hub.requests.length = 0;
    for (const revision of ['main', 'v1.0', 'refs/pr/3', repo.commit]) await s.pull({ revision });
    expect(hub.requests.map(({ path }) => path.split('?')[0])).toEqual(
      ['main', 'v1.0', 'refs/pr/3', repo.commit].map((revision) => `/api/models/Org/Model/revision/${revision}`),
    );
    expect(readFileSync(s.at('refs', 'refs/pr/3'), 'utf8')).toBe(repo.commit);
    expect(existsSync(s.at('refs', repo.commit))).toBe(false);
    for (const name of ['Org/Model', 'Org/Model@v1.0', 'Org/Model@refs/pr/3', `Org/Model@${repo.commit}`]) {
      expect(await findModelFolder(name, s.cacheFolder)).toBe(s.at('snapshots', repo.commit));
    }
    // A new commit that changes one file: only that one comes.
    const next = { ...modelRepo(), files: new Map(repo.files).set('LICENSE', Buffer.from('other')) };
    hub.repos.set('Org/Model', next);
    hub.requests.length = 0;
    await s.pull();
    expect(hub.requests.slice(1).map(({ path }) => path)).toEqual([`/Org/Model/resolve/${next.commit}/LICENSE`]);
    expect(readFileSync(s.at('refs', 'main'), 'utf8')).toBe(next.commit);
    expect(readFileSync(s.at('snapshots', repo.commit, 'LICENSE'), 'utf8')).toBe('Apache');
  });

  it('of an adapter takes three files and the licence', async () => {
    const files = { 'adapter_config.json': '{}', 'adapter_model.safetensors': 'w', 'iovqa.json': '{}' };
    hub.repos.set('Org/Model', hubRepo({ ...files, LICENSE: 'x', 'tokenizer.json': '{}', 'README.md': 'x' }));
    expect((await shop().pull()).files.toSorted()).toEqual(['LICENSE', ...Object.keys(files)]);
  });

  it('takes one file of weights where there is one, and no index beside it', async () => {
    const repo = modelRepo();
    repo.files.set('model.safetensors', shardA);
    repo.lfs.add('model.safetensors');
    hub.repos.set('Org/Model', repo);
    expect((await shop().pull()).files.filter((name) => name.startsWith('model'))).toEqual(['model.safetensors']);
  });

  it('reports progress that ends at the whole', async () => {
    hub.repos.set('Org/Model', modelRepo());
    const seen: number[][] = [];
    const { sizeBytes } = await shop().pull({ onProgress: (...now) => seen.push(now) });
    expect(seen.at(-1)).toEqual([sizeBytes, sizeBytes]);
    expect(seen.length).toBeGreaterThan(15);
    expect(seen.every(([done], i) => i === 0 || done! >= seen[i - 1]![0]!)).toBe(true);
  });
});

describe('interruptions', () => {
  const stream = randomStream(7);
  const places = [0, 1, SHARD - 1, ...Array.from({ length: 8 }, () => stream.below(SHARD))];

  it.each(places)('the connection breaks at byte %i: the rest comes from there', async (place) => {
    hub.repos.set('Org/Model', modelRepo());
    hub.faults.set(nameA, [{ breakAfter: place }, { breakAfter: Math.floor((SHARD - place) / 2) }]);
    const notes: string[] = [];
    const s = shop();
    await s.pull({ onNote: (line) => notes.push(line) });
    expectShardA(s);
    expect(notes).toHaveLength(2);
    expect(notes[0]).toMatch(/lost|no answer/);
    const ranges = contentRequests(nameA);
    expect(ranges).toHaveLength(3);
    expect(ranges[0]).toBeUndefined();
    const second = Number(/^bytes=(\d+)-$/.exec(ranges[2] ?? '')?.[1] ?? 0);
    expect(second).toBeGreaterThanOrEqual(Math.floor((SHARD - place) / 2) > 65536 ? 65536 : 0);
  });

  it('a body that ends too soon with a length that lies: the rest comes from there', async () => {
    hub.repos.set('Org/Model', modelRepo());
    hub.faults.set(nameA, [{ endAfter: 1000 }, { endAfter: 70_000 }]);
    const s = shop();
    await s.pull();
    expectShardA(s);
    expect(contentRequests(nameA)).toEqual([undefined, 'bytes=1000-', 'bytes=71000-']);
  });

  it('a server that ignores Range sends it all anew', async () => {
    hub.repos.set('Org/Model', modelRepo());
    hub.faults.set(nameA, [{ endAfter: 1000 }, { ignoreRange: true }]);
    const s = shop();
    await s.pull();
    expectShardA(s);
    expect(contentRequests(nameA)).toHaveLength(2);
  });

  it('a server that sends another part than asked for, or refuses it (416), is asked for the whole', async () => {
    for (const fault of [{ shiftRange: -10 }, { shiftRange: 10 }, { status: 416 }]) {
      hub.requests.length = 0;
      hub.repos.set('Org/Model', modelRepo());
      hub.faults.set(nameA, [{ endAfter: 1000 }, fault]);
      const s = shop();
      await s.pull();
      expectShardA(s);
      expect(contentRequests(nameA)).toEqual([undefined, 'bytes=1000-', undefined]);
    }
  });

  it('a busy server is asked again, after as long as it says', async () => {
    hub.repos.set('Org/Model', modelRepo());
    hub.listingFaults.push({ status: 503 }, { status: 429, headers: { 'retry-after': '1' } });
    // Links to the store run out: 403 from there is no refusal of the hub's.
    hub.faults.set(nameA, [{ status: 500 }, { status: 403 }, { endAfter: 10 }, { status: 502 }]);
    const s = shop();
    const started = performance.now();
    await s.pull();
    expectShardA(s);
    expect(performance.now() - started).toBeGreaterThan(990);
  });

  it('tries that bring nothing are counted; those that bring something are not', async () => {
    hub.repos.set('Org/Model', modelRepo());
    const s = shop();
    hub.faults.set(
      nameA,
      Array.from({ length: 9 }, () => ({ endAfter: 10 })),
    );
    const error = await refusal(s.pull({ tries: 4 }));
    expect(error.message).toContain(`${nameA}: the connection ended after 40 of ${SHARD} bytes, 4 times in a row`);
    expect(error.hint).toContain('the same command goes on');
    expect(readFileSync(s.at('blobs', `${sha256(shardA)}.incomplete`)).equals(shardA.subarray(0, 40))).toBe(true);
    expect(existsSync(s.at('refs'))).toBe(false);
    expect((await refusal(findModelFolder('Org/Model', s.cacheFolder))).hint).toContain('iovqa models pull Org/Model');
    hub.requests.length = 0;
    hub.faults.clear();
    await s.pull();
    expectShardA(s);
    expect(contentRequests(nameA)).toEqual(['bytes=40-']);

    const large = noise(3_500_000, 3);
    hub.repos.set('Org/Model', hubRepo({ 'config.json': JSON.stringify(baseConfig()), 'model.safetensors': large }));
    hub.faults.set(
      'model.safetensors',
      Array.from({ length: 3 }, () => ({ endAfter: 2 ** 20 })),
    );
    await shop().pull({ tries: 2 });
  });

  it('a stop leaves what is here, and the next pull goes on', async () => {
    hub.repos.set('Org/Model', modelRepo());
    hub.faults.set(nameB, [{ breakAfter: 100_000, stall: true }]);
    const s = shop();
    const stop = new AbortController();
    const pulling = s.pull({
      signal: stop.signal,
      onProgress: (done) => {
        if (done > SHARD + 90_000) stop.abort();
      },
    });
    await expect(pulling).rejects.toThrow(stop.signal.reason as Error);
    const part = readFileSync(s.at('blobs', `${sha256(shardB)}.incomplete`));
    expect(part.length).toBeGreaterThan(50_000);
    expect(part.equals(shardB.subarray(0, part.length))).toBe(true);
    hub.requests.length = 0;
    await s.pull();
    expect(contentRequests('safetensors')).toEqual([`bytes=${part.length}-`]);
    expectShardA(s);
  });

  it('a killed process leaves its part to the next one, a running one keeps it', async () => {
    hub.repos.set('Org/Model', modelRepo());
    const s = shop();
    await s.pull();
    const { commit } = hub.repos.get('Org/Model')!;
    const renew = (): void => {
      hub.requests.length = 0;
      writeFileSync(s.at('blobs', sha256(shardA)), 'a blob of another size');
    };
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    const part = (pid: number): string => s.at('blobs', `${sha256(shardA)}.${pid}-01234567-0.incomplete`);
    writeFileSync(part(child.pid!), shardA.subarray(0, 5000));
    renew();
    await s.pull();
    expect(contentRequests(nameA)).toEqual([undefined]);
    expect(existsSync(part(child.pid!))).toBe(true);
    child.kill('SIGKILL');
    await new Promise((resolve) => child.on('exit', resolve));
    writeFileSync(s.at('blobs', `${sha256(shardA)}.incomplete`), shardA.subarray(0, 4000));
    renew();
    await s.pull();
    expect(contentRequests(nameA)).toEqual(['bytes=5000-']);
    expectShardA(s);
    expect(readFileSync(s.at('snapshots', commit, nameA)).equals(shardA)).toBe(true);
  });

  it('a part that is whole needs its hash only; one that is longer or other content is thrown away', async () => {
    const bad = Buffer.from(shardA);
    bad[5]! ^= 1;
    const cases: [Buffer, (string | undefined)[]][] = [
      [shardA, []],
      [Buffer.concat([shardA, shardA]), [undefined]],
      [bad.subarray(0, 1000), ['bytes=1000-', undefined]],
      [bad, [undefined]],
    ];
    for (const [part, ranges] of cases) {
      hub.repos.set('Org/Model', modelRepo());
      hub.requests.length = 0;
      const s = shop();
      mkdirSync(s.at('blobs'), { recursive: true });
      writeFileSync(s.at('blobs', `${sha256(shardA)}.incomplete`), part);
      await s.pull();
      expect(contentRequests(nameA)).toEqual(ranges);
      expectShardA(s);
    }
  });

  it('a connection on which nothing comes is given up', async () => {
    const { createHubClient, HubTrouble } = await import('../../src/model/hub/client.ts');
    const repo = modelRepo();
    hub.repos.set('Org/Model', repo);
    hub.faults.set(nameA, [{ breakAfter: 10, stall: true }]);
    const client = createHubClient({ endpoint: hub.endpoint, token: null }, 100);
    const { chunks } = await client.content('Org/Model', repo.commit, nameA, 0, new AbortController().signal);
    const read = async (): Promise<void> => {
      for await (const chunk of chunks) expect(chunk.length).toBe(10);
    };
    const error = await read().catch((e: unknown) => e);
    expect(error).toBeInstanceOf(HubTrouble);
    expect((error as Error).message).toContain('nothing came for 0.1 s');
  });
});

describe('content', () => {
  it.each(['LICENSE', nameA])('of another hash is refused and not kept: %s', async (name) => {
    hub.repos.set('Org/Model', modelRepo());
    hub.faults.set(name, [{ flip: 3 }, { flip: 3 }]);
    const s = shop();
    const error = await refusal(s.pull());
    expect(error.code).toBe('bad-checkpoint');
    expect(error.message).toMatch(new RegExp(`^${name}: expected content with the hash [0-9a-f]+, got other content$`));
    const etag = name === nameA ? sha256(shardA) : gitHash(Buffer.from('Apache'));
    expect(readdirSync(s.at('blobs')).filter((file) => file.startsWith(etag))).toEqual([]);
    expect(existsSync(s.at('refs'))).toBe(false);
    hub.faults.clear();
    await s.pull();
    expectShardA(s);
  });

  it('of another hash after going on is fetched once more as a whole, not for ever', async () => {
    hub.repos.set('Org/Model', modelRepo());
    const s = shop();
    hub.faults.set(nameA, [{ endAfter: 1000 }, { flip: 2000 }]);
    await s.pull();
    expect(contentRequests(nameA)).toEqual([undefined, 'bytes=1000-', undefined]);
    expectShardA(s);
    const again = shop();
    hub.faults.set(
      nameA,
      Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? { endAfter: 1000 } : { flip: 2000 })),
    );
    expect((await refusal(again.pull())).message).toContain('got other content');
  });

  it('of more bytes than announced is refused, also without end', async () => {
    hub.repos.set('Org/Model', modelRepo());
    hub.faults.set(nameA, [{ extra: 1 }]);
    hub.faults.set(nameB, [{ extra: 50_000_000 }]);
    const s = shop();
    expect((await refusal(s.pull())).message).toBe(`${nameA}: expected ${SHARD} bytes, as announced, got more`);
    expect((await refusal(s.pull())).message).toBe(`${nameB}: expected ${SHARD} bytes, as announced, got more`);
    await s.pull();
    expectShardA(s);
  });

  it('that does not fit the disk is not begun', async () => {
    const repo = modelRepo();
    repo.lie = (listing) => ({
      ...listing,
      siblings: listing.siblings.map((file) => (file.lfs ? { ...file, lfs: { ...file.lfs, size: 2 ** 52 } } : file)),
    });
    hub.repos.set('Org/Model', repo);
    const error = await refusal(shop().pull());
    expect(error.message).toMatch(/expected 9007199\.\d GB of free space, got \d+\.\d GB$/);
    expect(error.hint).toContain('HF_HUB_CACHE');
    expect(contentRequests('safetensors')).toEqual([]);
  });

  it('of models that cannot be used is refused before the weights come', async () => {
    const cases: [Record<string, string>, string][] = [
      [{ 'config.json': '{"model_type":"llama"}', 'model.safetensors': 'w' }, 'qwen2_5_vl'],
      [{ 'config.json': JSON.stringify(baseConfig()), 'pytorch_model.bin': 'w' }, 'got pytorch_model.bin'],
      [{ 'README.md': 'x' }, 'got neither'],
      [{ 'model.safetensors': 'w' }, 'got neither'],
      [
        { 'config.json': JSON.stringify(baseConfig()), 'model.safetensors.index.json': index('a.safetensors') },
        'a.safetensors',
      ],
    ];
    for (const [files, message] of cases) {
      hub.repos.set('Org/Model', hubRepo(files));
      expect((await refusal(shop().pull())).message).toContain(message);
    }
    expect(contentRequests('safetensors')).toEqual([]);
  });
});

describe('a listing that lies', () => {
  const rename =
    (name: string): NonNullable<HubRepo['lie']> =>
    (listing) => ({ ...listing, siblings: [...listing.siblings, { ...listing.siblings[0], rfilename: name }] });
  const change =
    (part: object): NonNullable<HubRepo['lie']> =>
    (listing) => ({
      ...listing,
      siblings: listing.siblings.map((file) => (file.rfilename === 'LICENSE' ? { ...file, ...part } : file)),
    });

  it.each<[string, NonNullable<HubRepo['lie']>, string]>([
    ['a name that leads up', rename('../../../LICENSE'), 'a file named "../../../LICENSE"'],
    ['a name that leads up later', rename('a/../../LICENSE'), 'a file named'],
    ['an absolute name', rename('/etc/LICENSE'), 'a file named'],
    ['a name with a backslash', rename('..\\LICENSE'), 'a file named'],
    ['a name with NUL', rename('LICENSE\0'), 'a file named'],
    ['an empty name', rename(''), 'a file named'],
    ['a commit that is a path', (listing) => ({ ...listing, sha: '../../..' }), 'sha: Invalid string'],
    ['a hash that is a path', change({ blobId: '../../evil' }), 'LICENSE without size or hash'],
    ['no hash', change({ blobId: null }), 'LICENSE without size or hash'],
    ['an LFS hash of another kind', change({ lfs: { sha256: 'abc', size: 6 } }), 'LICENSE without size or hash'],
    ['a negative size', change({ size: -1 }), 'LICENSE without size or hash'],
    ['a size that is no number', change({ size: '6' }), 'LICENSE without size or hash'],
    ['a size beyond reason', change({ size: 2 ** 40 }), 'expected LICENSE of at most'],
    ['no JSON', () => '<html>', 'expected JSON from the hub, got "<html>"'],
    ['no files', () => ({ sha: '0'.repeat(40) }), 'siblings'],
    ['a flood', () => ' '.repeat(65 * 2 ** 20), 'more than 67108864 bytes'],
  ])('%s', async (_, lie, message) => {
    hub.repos.set('Org/Model', { ...modelRepo(), lie });
    const s = shop();
    const error = await refusal(s.pull());
    expect(error.code).toBe('bad-checkpoint');
    expect(error.message).toContain(message);
    const written = readdirSync(join(s.cacheFolder, '..'), { recursive: true, encoding: 'utf8' });
    expect(written.filter((name) => /LICENSE|evil/.test(name))).toEqual([]);
  });

  it('an index that names files elsewhere', async () => {
    for (const name of ['../../x.safetensors', '/x.safetensors', 'a\\x.safetensors', 'x.bin', 'absent.safetensors']) {
      const repo = modelRepo();
      repo.files.set('model.safetensors.index.json', Buffer.from(index(name)));
      hub.repos.set('Org/Model', repo);
      const { code, message } = await refusal(shop().pull());
      expect(code).toBe('bad-checkpoint');
      expect(message).toContain(JSON.stringify(name).slice(1, -1));
    }
  });
});

describe('who may see a model', () => {
  it('a token goes to the hub, and never to where it redirects', async () => {
    hub.repos.set('Org/Model', { ...modelRepo(), token: 'hf_secret', gated: 'hf_secret' });
    await shop().pull({ token: 'hf_secret' });
    const seen = (server: string): Set<string | undefined> =>
      new Set(hub.requests.filter((request) => request.server === server).map(({ authorization }) => authorization));
    expect(seen('hub')).toEqual(new Set(['Bearer hf_secret']));
    expect(seen('store')).toEqual(new Set([undefined]));
  });

  it.each<[string, Partial<HubRepo> | null, { token?: string; revision?: string }, string, string]>([
    ['there is none', null, {}, 'HTTP 401 RepoNotFound', 'private model needs HF_TOKEN'],
    ['there is none, with a token', null, { token: 'hf_a' }, 'HTTP 404 RepoNotFound', 'Check name and revision'],
    ['private', { token: 'hf_b' }, { token: 'hf_a' }, 'HTTP 404 RepoNotFound', 'Check name and revision'],
    ['gated', { gated: 'hf_b' }, {}, 'HTTP 401 GatedRepo', 'and set HF_TOKEN'],
    ['gated for this account', { gated: 'hf_b' }, { token: 'hf_a' }, 'HTTP 403 GatedRepo', 'account of HF_TOKEN'],
    ['no such revision', {}, { revision: 'v9' }, 'HTTP 404 RevisionNotFound', 'Check name and revision'],
  ])('%s', async (_, repo, options, got, hint) => {
    if (repo !== null) hub.repos.set('Org/Model', { ...modelRepo(), ...repo });
    const error = await refusal(shop().pull(options));
    expect(error.code).toBe('bad-input');
    expect(error.message).toContain(got);
    expect(error.hint).toContain(hint);
    expect(`${error.message}${error.hint}`).not.toContain('hf_');
    // Nothing is asked twice that was answered.
    expect(new Set(hub.requests.map(({ path }) => path)).size).toBe(hub.requests.length);
  });

  it('a name that is none of the hub is refused before it is asked', async () => {
    for (const name of ['Model', 'a/b/c', '../x', 'a/..', 'a/b--c', 'https://x/y', '/a/b', 'a/b.git', 'a b/c', '']) {
      const settings: HubSettings = { endpoint: hub.endpoint, cacheFolder: '/nowhere', token: null, offline: false };
      expect((await refusal(pullModel(name, { settings }))).message).toContain('expected ORG/NAME of the hub');
    }
    for (const revision of ['..', '../x', '/x', 'a//b', 'a/../b', '', 'a\\b', 'a?b', 'a\nb']) {
      expect((await refusal(shop().pull({ revision }))).message).toContain('expected ORG/NAME of the hub');
    }
    expect(hub.requests).toEqual([]);
  });
});

describe('without network', () => {
  /** Where nobody listens any more. */
  let nowhere: string;
  beforeAll(async () => {
    const gone = await startHub();
    nowhere = gone.endpoint;
    await gone.close();
  });

  it('one line says so', async () => {
    for (const options of [{ endpoint: nowhere }, { endpoint: 'http://absent.invalid' }, { offline: true }]) {
      const { code, message, hint } = await refusal(shop().pull(options));
      expect(code).toBe('not-supported');
      expect(message).toMatch(/^http:.*: expected the hub, got none: (no answer from .*: E\w+|HF_HUB_OFFLINE is set)$/);
      expect(hint).toContain('is not in the cache');
    }
  });

  it('what was pulled is there; what was pulled in part is not', async () => {
    const repo = modelRepo();
    hub.repos.set('Org/Model', repo);
    const s = shop();
    const pulled = await s.pull();
    for (const revision of ['main', repo.commit]) {
      for (const options of [{ endpoint: nowhere }, { offline: true }]) {
        const { folder, offline, files, sizeBytes } = await s.pull({ revision, ...options });
        expect({ folder, offline, sizeBytes }).toEqual({
          folder: pulled.folder,
          offline: true,
          sizeBytes: pulled.sizeBytes,
        });
        expect(files).toEqual(wanted);
      }
    }
    hub.faults.set(nameB, busy());
    const part = shop();
    await refusal(part.pull());
    const { hint } = await refusal(part.pull({ offline: true, revision: repo.commit }));
    expect(hint).toContain('in part only');
  });
});

describe('two pulls at once', () => {
  it('in one process leave one whole model', async () => {
    hub.repos.set('Org/Model', modelRepo());
    hub.faults.set(nameA, [{ slowMs: 5 }, { breakAfter: 100_000 }]);
    const s = shop();
    await Promise.all([s.pull(), s.pull(), s.pull()]);
    expectShardA(s);
    expect(readdirSync(s.at('blobs')).filter((name) => /incomplete|tmp/.test(name))).toEqual([]);
    expect(readdirSync(s.at('snapshots', hub.repos.get('Org/Model')!.commit)).filter((n) => n.startsWith('.'))).toEqual(
      [],
    );
  });

  it('in processes of their own, some of them killed, leave one whole model', async () => {
    const repo = modelRepo();
    hub.repos.set('Org/Model', repo);
    hub.faults.set(
      nameA,
      Array.from({ length: 8 }, () => ({ slowMs: 20 })),
    );
    const s = shop();
    const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
    const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
    const env = { ...process.env, HF_ENDPOINT: hub.endpoint, HF_HUB_CACHE: s.cacheFolder, HF_HUB_OFFLINE: '' };
    const start = (): ReturnType<typeof spawn> =>
      spawn(process.execPath, ['--import', tsx, main, 'models', 'pull', 'Org/Model'], { env, stdio: 'ignore' });
    const ended = (child: ReturnType<typeof spawn>): Promise<unknown> =>
      new Promise((resolve) => child.on('exit', resolve));
    const children = [start(), start(), start()];
    const all = children.map(ended);
    const requested = (): boolean => contentRequests(nameA).length > 0;
    while (!requested()) await new Promise((resolve) => setTimeout(resolve, 10));
    children[0]!.kill('SIGKILL');
    expect((await Promise.all(all)).slice(1)).toEqual([0, 0]);
    expect(await ended(start())).toBe(0);
    for (const name of wanted) {
      expect(readFileSync(s.at('snapshots', repo.commit, name)).equals(repo.files.get(name)!)).toBe(true);
    }
  });
});

describe('the list of the cache', () => {
  it('has Qwen2.5-VL models and their adapters, whole or not', async () => {
    const s = shop();
    expect(await listCachedModels(s.cacheFolder)).toEqual([]);
    const repo = modelRepo();
    repo.revisions.push('v1');
    hub.repos.set('Org/Model', repo);
    const { sizeBytes } = await s.pull();
    await s.pull({ revision: 'v1' });
    const next = modelRepo();
    next.files.set(nameB, noise(1000, 4));
    hub.repos.set('Org/Model', next);
    hub.faults.set(nameB, busy());
    await refusal(s.pull());
    const settings: HubSettings = { endpoint: hub.endpoint, cacheFolder: s.cacheFolder, token: null, offline: false };
    const adapter = (base: string): HubRepo =>
      hubRepo({
        'adapter_config.json': JSON.stringify({ base_model_name_or_path: base }),
        'adapter_model.safetensors': 'w',
      });
    hub.repos.set('Org/A', adapter('Org/Model')).set('Org/B', adapter('other/model'));
    await pullModel('Org/A', { settings });
    await pullModel('Org/B', { settings });
    const llama = join(s.cacheFolder, 'models--x--llama', 'snapshots', '0'.repeat(40));
    mkdirSync(llama, { recursive: true });
    writeFileSync(join(llama, 'config.json'), '{"model_type":"llama"}');
    writeFileSync(join(s.cacheFolder, 'version.txt'), '1');
    const found = await listCachedModels(s.cacheFolder);
    expect(found).toHaveLength(3);
    expect(found[0]).toMatchObject({ repo: 'Org/A', kind: 'adapter', revisions: ['main'], complete: true });
    expect(found.slice(1)).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          commit: repo.commit,
          kind: 'model',
          revisions: ['main', 'v1'],
          // Five files hold `{}`: one blob.
          sizeBytes: sizeBytes - 4 * 2,
          complete: true,
        }),
        expect.objectContaining({ commit: next.commit, kind: 'model', revisions: [], complete: false }),
      ]),
    );
  });
});
