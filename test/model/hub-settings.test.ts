// What the environment says about the hub, and which texts name a model of it.
import { mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { findModelFolder, hubCacheFolder, isHubName, readAdapterConfig } from '../../src/model/index.ts';
import { adapterConfigJson } from '../../src/model/adapter-config.ts';
import { modelFamilies } from '../../src/model/families/index.ts';
import { parseHubName } from '../../src/model/hub/cache.ts';
import { readHubSettings } from '../../src/model/hub/settings.ts';
import { linkBlob } from '../../src/model/hub/cache.ts';
import { createHubClient } from '../../src/model/hub/client.ts';
import { temporaryFolder } from '../files/temporary.ts';

afterEach(() => vi.unstubAllGlobals());

describe('settings', () => {
  it.each<[Record<string, string>, string]>([
    [{}, join(homedir(), '.cache/huggingface/hub')],
    [{ XDG_CACHE_HOME: '/x' }, '/x/huggingface/hub'],
    [{ XDG_CACHE_HOME: '/x', HF_HOME: '/h' }, '/h/hub'],
    [{ HF_HOME: '~/h' }, join(homedir(), 'h/hub')],
    [{ HF_HOME: '/h', HUGGINGFACE_HUB_CACHE: '/old' }, '/old'],
    [{ HF_HOME: '/h', HUGGINGFACE_HUB_CACHE: '/old', HF_HUB_CACHE: '/c' }, '/c'],
    [{ HF_HOME: '/h', HF_HUB_CACHE: '' }, '/h/hub'],
  ])('the cache of %j', (env, folder) => {
    expect(hubCacheFolder(env)).toBe(folder);
  });

  it('the token: the variable, else the file', async () => {
    const folder = temporaryFolder();
    const token = async (env: Record<string, string>): Promise<string | null> =>
      (await readHubSettings({ HF_HOME: folder, ...env })).token;
    expect(await token({})).toBeNull();
    writeFileSync(join(folder, 'token'), 'hf_file\n');
    writeFileSync(join(folder, 'other'), '\n');
    expect(await token({})).toBe('hf_file');
    expect(await token({ HF_TOKEN: ' hf_own\n' })).toBe('hf_own');
    expect(await token({ HF_TOKEN_PATH: join(folder, 'other') })).toBeNull();
    await expect(token({ HF_TOKEN: 'hf_a\nhf_b' })).rejects.toThrow(/^HF_TOKEN: expected a token of the hub/);
    await expect(token({ HF_TOKEN: 'hf_geheim\u00e9' })).rejects.not.toThrow(/geheim/);
    await expect(token({ HF_TOKEN_PATH: folder })).rejects.toThrow('expected a file with a token');
  });

  it('the endpoint and whether to ask it', async () => {
    const home = { HF_HOME: temporaryFolder() };
    const of = (env: Record<string, string>): ReturnType<typeof readHubSettings> =>
      readHubSettings({ ...home, ...env });
    expect(await of({})).toMatchObject({ endpoint: 'https://huggingface.co', offline: false });
    expect((await of({ HF_ENDPOINT: 'http://mirror:8080/hf/' })).endpoint).toBe('http://mirror:8080/hf');
    for (const endpoint of ['mirror', 'ftp://mirror', 'https://user:secret@mirror', 'https://mirror/?a=b']) {
      await expect(of({ HF_ENDPOINT: endpoint })).rejects.toThrow(/^HF_ENDPOINT: expected an address/);
      await expect(of({ HF_ENDPOINT: endpoint })).rejects.not.toThrow(/secret/);
    }
    for (const yes of ['1', 'true', 'YES', 'on']) expect((await of({ HF_HUB_OFFLINE: yes })).offline).toBe(true);
    for (const no of ['', '0', 'no']) expect((await of({ HF_HUB_OFFLINE: no })).offline).toBe(false);
    expect((await of({ TRANSFORMERS_OFFLINE: '1' })).offline).toBe(true);
  });
});

describe('names', () => {
  it('have an organisation, a name, and a revision if need be', () => {
    expect(parseHubName('Qwen/Qwen2.5-VL-3B-Instruct')).toEqual({
      repo: 'Qwen/Qwen2.5-VL-3B-Instruct',
      revision: 'main',
    });
    expect(parseHubName('a/b@refs/pr/1')).toEqual({ repo: 'a/b', revision: 'refs/pr/1' });
    for (const text of [
      '',
      'a',
      './a',
      '../a',
      '/a/b',
      'a/b/c',
      'a//b',
      'a\\b',
      'a/b@',
      'a/b@..',
      'a/b@x@y',
      '~/a',
      'a/b\n',
    ]) {
      expect(parseHubName(text)).toBeNull();
    }
  });

  it('never lead out of the cache, whatever they are', () => {
    const part = fc.string({
      unit: fc.constantFrom('a', 'B', '0', '.', '-', '_', '/', '@', '\\', '\0', ' ', '\u00e9'),
    });
    fc.assert(
      fc.property(part, (text) => {
        const name = parseHubName(text);
        if (name === null) return;
        expect(name.repo).toMatch(/^[\w.-]+\/[\w.-]+$/);
        for (const bit of [...name.repo.split('/'), ...name.revision.split('/')]) expect(bit).not.toMatch(/^\.*$/);
      }),
      { numRuns: 20_000 },
    );
  });

  it('give way to a folder of the same name; other texts are folders', async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'a/b'), { recursive: true });
    writeFileSync(join(folder, 'a/file'), '');
    expect([isHubName('a/b', folder), isHubName('a/file', folder), isHubName('a/c', folder)]).toEqual([
      false,
      true,
      true,
    ]);
    expect(isHubName('./a', folder)).toBe(false);
    for (const text of ['nowhere', './a/b', '/a/b/c', join(folder, 'x')]) {
      expect(await findModelFolder(text, folder)).toBe(text);
    }
    await expect(findModelFolder('a/c@v1', folder)).rejects.toMatchObject({
      code: 'bad-checkpoint',
      hint: 'A model of the hub is pulled first: npx iovqa models pull a/c --revision v1',
    });
  });

  it('of pinned base models are what PEFT has: name and revision apart', async () => {
    const lora = { rank: 2, alpha: 2, dropout: 0, rslora: false, targets: ['q_proj'] } as const;
    for (const [baseModel, base, revision] of [
      ['a/b@v1', 'a/b', 'v1'],
      ['a/b', 'a/b', null],
      ['/x/a@b', '/x/a@b', null],
    ]) {
      const config = adapterConfigJson(
        modelFamilies['qwen2_5_vl']!,
        { ...lora, targets: [...lora.targets] },
        4,
        baseModel!,
      );
      expect(config).toMatchObject({ base_model_name_or_path: base, revision });
      const folder = temporaryFolder();
      writeFileSync(join(folder, 'adapter_config.json'), JSON.stringify(config));
      expect((await readAdapterConfig(folder)).baseModel).toBe(baseModel);
    }
  });

  it('of files are checked once more where they are written', async () => {
    const folder = temporaryFolder();
    for (const name of ['../x', 'a/../../x', '/x', '', 'a\\x', 'x\0']) {
      await expect(linkBlob(join(folder, 'blob'), folder, name)).rejects.toThrow('not a file of a repo');
    }
  });
});

describe('redirects', () => {
  const redirect = (location: string): Response => new Response(null, { status: 302, headers: { location } });
  const ask = (...answers: Response[]): { seen: [string, Headers][]; listing: Promise<unknown> } => {
    const seen: [string, Headers][] = [];
    vi.stubGlobal('fetch', (url: string, options: RequestInit) => {
      seen.push([url, new Headers(options.headers)]);
      const answer = answers.length > 1 ? answers.shift()! : answers[0]!.clone();
      Object.defineProperty(answer, 'url', { value: url });
      return Promise.resolve(answer);
    });
    const client = createHubClient({ endpoint: 'https://hub.example', token: 'hf_secret' });
    return { seen, listing: client.listing({ repo: 'a/b', revision: 'main' }, new AbortController().signal) };
  };

  it('get the token at the same origin only: not at other hosts, ports or protocols', async () => {
    const { seen, listing } = ask(
      redirect('/moved'),
      redirect('https://hub.example:444/port'),
      redirect('https://hub.example.evil/host'),
      redirect('https://hub.example/back'),
      new Response(JSON.stringify({ sha: '0'.repeat(40), siblings: [] })),
    );
    await listing;
    expect(seen.map(([, headers]) => headers.get('authorization'))).toEqual([
      'Bearer hf_secret',
      'Bearer hf_secret',
      null,
      null,
      'Bearer hf_secret',
    ]);
  });

  it('do not lead from https to http or elsewhere, and not round and round', async () => {
    for (const location of ['http://hub.example/x', 'ftp://hub.example/x', 'file:///etc/passwd']) {
      await expect(ask(redirect(location)).listing).rejects.toThrow(/expected a redirect to https:, got \w+:$/);
    }
    const { seen, listing } = ask(redirect('/again'));
    await expect(listing).rejects.toThrow('more than 10 redirects');
    expect(seen).toHaveLength(11);
  });
});
