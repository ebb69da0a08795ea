// What docs/licences.md and NOTICE say, against the packages that are installed.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { decoderBuild } from '../src/video/index.ts';
import { licenceOf } from '../src/video/decoder-build.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const page = read('docs/licences.md');
const notice = read('NOTICE');
const manifest = JSON.parse(read('package.json')) as Record<string, Record<string, string>> & { files: string[] };
const lock = (
  JSON.parse(read('package-lock.json')) as { packages: Record<string, { dev?: boolean; license?: string }> }
).packages;

/** Licences that ask for no more than to be passed on. */
const plain =
  /^(?:MIT|ISC|0BSD|BSD-[23]-Clause|Apache-2\.0|BlueOak-1\.0\.0|Unlicense|\(MIT OR CC0-1\.0\)|\(?Apache-2\.0 AND BSD-3-Clause\)?)$/;

describe('licences', () => {
  it('of direct dependencies stand in the table', () => {
    const names = Object.keys({ ...manifest['dependencies'], ...manifest['optionalDependencies'] });
    const rows = new Map([...page.matchAll(/^\| (\S+) +\| (.*?) +\|$/gm)].map((match) => [match[1]!, match[2]!]));
    for (const name of names) {
      const { license } = JSON.parse(read(`node_modules/${name}/package.json`)) as { license: string };
      expect([name, rows.get(name)]).toEqual([name, license]);
    }
  });

  it('that ask for more than to be passed on are named', () => {
    const others = Object.entries(lock).filter(
      ([path, { dev, license }]) => path && !dev && !plain.test(license ?? ''),
    );
    const named = others.filter(([path]) => /@img\/sharp-|mediabunny|@shinyoshiaki\/jspack/.test(path));
    expect(others.map(([path]) => path)).toEqual(named.map(([path]) => path));
    const expected = (path: string): string => (path.includes('@img/sharp-') ? 'LGPL-3.0-or-later' : 'MPL-2.0');
    for (const [path, { license }] of others.filter(([name]) => !name.includes('jspack'))) {
      expect([path, license]).toEqual([path, expect.stringContaining(expected(path))]);
    }
    for (const text of [page, notice]) expect(text).toMatch(/libvips[^]*mediabunny/);
  });

  it('of the FFmpeg that decodes are what it says of itself', async () => {
    const { version, configuration, licence } = await decoderBuild();
    expect(version).toBe('8.1-Jellyfin');
    expect(page).toContain('FFmpeg 8.1 (Jellyfin');
    for (const option of ['--enable-gpl', '--enable-version3', '--enable-libfdk-aac']) {
      expect(configuration.split(' ')).toContain(option);
      expect([page.includes(option), notice.includes(option)]).toEqual([true, true]);
    }
    expect(licence).toBe('GPL version 3 or later; libfdk-aac has a licence of its own');
  });

  it('follow from the options of the build', () => {
    expect(licenceOf('--enable-shared --disable-gpl')).toBe('LGPL version 2.1 or later');
    expect(licenceOf('--enable-version3')).toBe('LGPL version 3 or later');
    expect(licenceOf('--enable-gpl --enable-libx264')).toBe('GPL version 2 or later');
    expect(licenceOf('--enable-gpl --enable-nonfree')).toBe('nonfree and unredistributable');
  });

  it('of libvips are those that its package lists', () => {
    const folder = readdirSync(join(root, 'node_modules/@img')).find((name) => name.startsWith('sharp-libvips-'));
    if (folder === undefined) return; // Windows and WebAssembly have it in sharp's own package
    const readme = read(`node_modules/@img/${folder}/README.md`);
    const lgpl = [...readme.matchAll(/^\| (\S+) +\| LGPLv3 /gm)].map((match) => match[1]!);
    for (const name of lgpl.filter((one) => one !== 'proxy-libintl')) expect(page).toContain(name);
  });

  it('go with the package', () => {
    expect(manifest.files).toEqual(expect.arrayContaining(['LICENSE', 'NOTICE', 'docs']));
    expect(existsSync(join(root, 'NOTICE'))).toBe(true);
  });
});
