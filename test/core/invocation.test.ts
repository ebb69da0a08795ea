// Commands in messages work as they stand, however iovqa was started.
import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { buildProgram } from '../../src/cli/program/index.ts';
import { Terminal } from '../../src/cli/terminal.ts';
import { commandLine } from '../../src/core/index.ts';

test.each([
  ['/srv/iovqa/src/cli/bin.ts', 'npm run -s iovqa -- doctor'],
  ['C:\\me\\iovqa\\src\\cli\\bin.ts', 'npm run -s iovqa -- doctor'],
  ['/usr/local/bin/iovqa', 'iovqa doctor'],
  ['/usr/lib/node_modules/iovqa/dist/cli/bin.js', 'iovqa doctor'],
  ['/srv/shop/node_modules/.bin/iovqa', 'npx iovqa doctor'],
  ['/srv/shop/server.js', 'npx iovqa doctor'],
  ['', 'npx iovqa doctor'],
])('started as %s', (entry, want) => {
  expect(commandLine('doctor', entry)).toBe(want);
});

test('no message names a command in one form alone', () => {
  const src = fileURLToPath(new URL('../../src/', import.meta.url));
  const names = buildProgram(new Terminal(process)).commands.map((command) => command.name());
  const literal = new RegExp(String.raw`\biovqa (?:${names.join('|')})\b|\[\s*'iovqa'`);
  // Examples are put into the form where they are shown; scripts of completion complete the word itself; a file lies there for all.
  const others = ['cli/program/examples.ts', 'cli/completion/', 'model/cache/store.ts'];
  const found = readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !others.some((other) => file.replaceAll('\\', '/').startsWith(other)))
    .flatMap((file) => {
      const lines = readFileSync(`${src}${file}`, 'utf8').split('\n');
      const isCode = (line: string): boolean => !/^\s*(?:\/\/|\/?\*)/.test(line) && literal.test(line);
      return lines.filter(isCode).map((line) => `${file}: ${line.trim()}`);
    });
  expect(found).toEqual([]);
});
