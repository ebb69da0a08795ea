// Commands in messages work as they stand, however iovqa was started.
import { expect, test } from 'vitest';
import { commandLine } from '../../src/core/index.ts';

test.each([
  ['/srv/iovqa/src/cli/main.ts', 'npm run -s iovqa -- doctor'],
  ['C:\\me\\iovqa\\src\\cli\\main.ts', 'npm run -s iovqa -- doctor'],
  ['/usr/local/bin/iovqa', 'iovqa doctor'],
  ['/usr/lib/node_modules/iovqa/dist/cli/main.js', 'iovqa doctor'],
  ['/srv/shop/node_modules/.bin/iovqa', 'npx iovqa doctor'],
  ['/srv/shop/server.js', 'npx iovqa doctor'],
  ['', 'npx iovqa doctor'],
])('started as %s', (entry, want) => {
  expect(commandLine('doctor', entry)).toBe(want);
});
