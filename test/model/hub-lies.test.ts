// What a server may not do: other content, other sizes, and names of files that lead elsewhere.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { baseConfig } from './checkpoint-fixtures.ts';
import {
  SHARD,
  contentRequests,
  expectShardA,
  hub,
  index,
  modelRepo,
  nameA,
  nameB,
  refusal,
  shardA,
  shop,
  useHub,
} from './hub-fixtures.ts';
import type { HubRepo } from './hub-server.ts';
import { gitHash, hubRepo, sha256 } from './hub-server.ts';

useHub();

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
    expect(error.message).toMatch(/expected 9010 TB of free space, got [\d.]+ [GT]B$/);
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
