// What the command line loads before it knows what is asked of it. How long that takes: bench/start.ts.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { compiled, compiledUrl } from '../compiled.ts';

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
  const command = ['--import', watch, compiled('src/cli/bin.ts'), ...args];
  const { stderr } = await promisify(execFile)(process.execPath, command).catch((error: { stderr: string }) => error);
  const urls = [...stderr.matchAll(/^loaded (file:[^?\n]+)/gm)].map((match) => match[1]!);
  const source = compiledUrl('src/');
  return {
    files: urls.flatMap((url) => (url.startsWith(source) ? [url.slice(source.length)] : [])),
    packages: new Set(urls.flatMap((url) => /node_modules\/((?:@[^/]+\/)?\w[^/]*)/.exec(url)?.[1] ?? [])),
  };
}

describe('the command line loads next to nothing', () => {
  for (const args of [['--help'], ['--version'], ['score', '--help'], ['models', 'new', '--help']]) {
    it(`for ${args.join(' ')}`, async () => {
      const { files, packages } = await loadedBy(...args);
      expect(files).toContain('cli/main.js');
      expect(
        files.filter(
          (file) =>
            !/^(cli\/(bin\.js|main\.js|terminal\.js|table-options\.js|program\/)|core\/|files\/(faults|output|codes|leftovers|process)\.js)/.test(
              file,
            ),
        ),
      ).toEqual([]);
      expect([...packages]).toEqual(['commander']);
    });
  }

  it('but what a command needs once it is called', { tags: ['long'] }, async () => {
    const scoring = await loadedBy('score', 'missing.mp4', '--with', 'missing');
    expect([...scoring.packages]).toContain('onnxruntime-node');
    for (const decoder of ['sharp', 'node-av']) expect([...scoring.packages]).not.toContain(decoder);
    const evaluating = await loadedBy('evaluate', 'missing.csv');
    expect(evaluating.files).toContain('cli/commands/evaluate.js');
    for (const native of ['onnxruntime-node', 'sharp', 'node-av'])
      expect([...evaluating.packages]).not.toContain(native);
  });
});
