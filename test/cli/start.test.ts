// What the command line loads before it knows what is asked of it. How long that takes: bench/start.ts.
import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const root = new URL('../../', import.meta.url);
const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
const asModule = (source: string): string => `data:text/javascript,${encodeURIComponent(source)}`;

/** Tells each module that is loaded, from the thread in which node runs such hooks. */
const hooks = asModule(`
import { writeSync } from 'node:fs';
export const load = (url, context, next) => {
  writeSync(2, 'loaded ' + url + '\\n');
  return next(url, context);
};`);
const watch = asModule(`import { register } from 'node:module'; register(${JSON.stringify(hooks)});`);

/** Files of src/ and names of packages that are loaded. */
async function loadedBy(...args: string[]): Promise<{ files: string[]; packages: Set<string> }> {
  const bin = fileURLToPath(new URL('src/cli/bin.ts', root));
  const command = ['--import', tsx, '--import', watch, bin, ...args];
  const { stderr } = await promisify(execFile)(process.execPath, command).catch((error: { stderr: string }) => error);
  const urls = [...stderr.matchAll(/^loaded (file:[^?\n]+)/gm)].map((match) => match[1]!);
  const source = new URL('src/', root).href;
  return {
    files: urls.flatMap((url) => (url.startsWith(source) ? [url.slice(source.length)] : [])),
    packages: new Set(urls.flatMap((url) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ?? [])),
  };
}

describe('the command line loads next to nothing', () => {
  for (const args of [['--help'], ['--version'], ['score', '--help'], ['models', 'new', '--help']]) {
    it(`for ${args.join(' ')}`, async () => {
      const { files, packages } = await loadedBy(...args);
      expect(files).toContain('cli/main.ts');
      expect(
        files.filter(
          (file) =>
            !/^(cli\/(bin\.ts|main\.ts|terminal\.ts|table-options\.ts|program\/)|core\/|files\/(faults|output|codes|leftovers|process)\.ts)/.test(
              file,
            ),
        ),
      ).toEqual([]);
      expect([...packages]).toEqual(['commander']);
    });
  }

  it('but what a command needs once it is called', async () => {
    const scoring = await loadedBy('score', 'missing.mp4', '--with', 'missing');
    expect([...scoring.packages]).toContain('onnxruntime-node');
    for (const decoder of ['sharp', 'node-av']) expect([...scoring.packages]).not.toContain(decoder);
    const evaluating = await loadedBy('evaluate', 'missing.csv');
    expect(evaluating.files).toContain('cli/commands/evaluate.ts');
    for (const native of ['onnxruntime-node', 'sharp', 'node-av'])
      expect([...evaluating.packages]).not.toContain(native);
  });
});
