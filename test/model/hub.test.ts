// Pulling from a hub: the cache's layout, which files, who may see them, without network, and the list of the cache.
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { HubSettings } from '../../src/model/hub/settings.ts';
import { findModelFolder, listCachedModels, pullModel } from '../../src/model/index.ts';
import { findConfigFolder } from '../../src/model/hub/cache.ts';
import { temporaryFolder } from '../files/temporary.ts';
import { busy, hub, modelRepo, nameA, nameB, noise, refusal, shardA, shop, wanted, useHub } from './hub-fixtures.ts';
import type { HubRepo } from './hub-server.ts';
import { gitHash, hubRepo, sha256, startHub } from './hub-server.ts';

useHub();

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

  it('leaves the weights out where only the config is asked for, and gets them later', async () => {
    hub.repos.set('Org/Model', modelRepo());
    const s = shop();
    const config = await s.pull({ configOnly: true });
    expect(config.files.filter((name) => name.endsWith('.safetensors'))).toEqual([]);
    expect(config.files).toEqual(
      expect.arrayContaining(['config.json', 'tokenizer.json', 'model.safetensors.index.json']),
    );
    expect(await findConfigFolder('Org/Model', s.cacheFolder)).toBe(config.folder);
    await expect(findModelFolder('Org/Model', s.cacheFolder)).rejects.toThrow(`one without ${nameA}`);
    expect((await s.pull({ configOnly: true, offline: true })).offline).toBe(true);
    expect((await s.pull()).files).toContain(nameA);
    expect(await findModelFolder('Org/Model', s.cacheFolder)).toBe(config.folder);
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
        const notes: string[] = [];
        const onNote = (line: string): void => void notes.push(line);
        const { folder, offline, files, sizeBytes } = await s.pull({ revision, onNote, ...options });
        const why = options.offline === true ? 'not asked (HF_HUB_OFFLINE is set)' : 'asked in vain (no answer from ';
        expect(notes.at(-1)).toContain(`the hub was ${why}`);
        expect(notes.at(-1)).toContain(`; ${repo.commit} is what the cache has for ${revision}`);
        expect({ folder, offline, sizeBytes }).toEqual({
          folder: pulled.folder,
          offline: true,
          sizeBytes: pulled.sizeBytes,
        });
        expect(files).toEqual(wanted);
      }
    }
    rmSync(join(pulled.folder, nameB));
    const { message } = await refusal(findModelFolder('Org/Model', s.cacheFolder));
    expect(message).toContain(`got one without ${nameB}`);
    hub.faults.set(nameB, busy());
    const part = shop();
    await refusal(part.pull());
    const { hint } = await refusal(part.pull({ offline: true, revision: repo.commit }));
    expect(hint).toContain('in part only');
  });
});

describe('a cache that cannot be written', () => {
  it('is told in one line', async () => {
    hub.repos.set('Org/Model', modelRepo());
    const file = join(temporaryFolder(), 'file');
    writeFileSync(file, '');
    const settings: HubSettings = {
      endpoint: hub.endpoint,
      cacheFolder: join(file, 'hub'),
      token: null,
      offline: false,
    };
    const { code, message } = await refusal(pullModel('Org/Model', { settings }));
    expect(code).toBe('bad-input');
    expect(message).toContain(
      `${settings.cacheFolder}: expected to make it, got a file where a folder should be (ENOTDIR)`,
    );
  });
});

describe('the list of the cache', () => {
  it('has Qwen2.5-VL models and their adapters, whole or not', async () => {
    const s = shop();
    expect(await listCachedModels({ cacheFolder: s.cacheFolder })).toEqual([]);
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
    const found = await listCachedModels({ cacheFolder: s.cacheFolder });
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
    // A repo that cannot be read (here, links in a ring) is told of, and the others are listed.
    const ring = join(s.cacheFolder, 'models--Org--Ring');
    mkdirSync(ring);
    symlinkSync('snapshots', join(ring, 'snapshots'));
    const notes: string[] = [];
    const options = { cacheFolder: s.cacheFolder, onNote: (line: string) => void notes.push(line) };
    expect(await listCachedModels(options)).toEqual(found);
    expect(notes).toEqual([expect.stringMatching(/^Org\/Ring cannot be read: ELOOP/)]);
  });
});
