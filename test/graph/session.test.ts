// Running graphs: what a session does besides computing.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import * as g from './all.ts';
import { compiledUrl } from '../compiled.ts';

test('running a graph leaves nothing at home: the telemetry of the runtime is off', () => {
  const home = mkdtempSync(join(tmpdir(), 'iovqa-home-'));
  try {
    const script = join(home, 'run.mjs');
    const graph = compiledUrl('test/graph/all.ts');
    writeFileSync(
      script,
      `import { compile, input, mul } from ${JSON.stringify(graph)};
       const x = input('x', 'float32', [1]);
       const session = await compile({ y: mul(x, x) });
       const { y } = await session.run({ x: { data: Float32Array.of(3), shape: [1] } });
       await session[Symbol.asyncDispose]();
       console.log(y.data[0]);`,
    );
    const env: Record<string, string | undefined> = { ...process.env, HOME: home, TMPDIR: home, XDG_CACHE_HOME: home };
    for (const name of ['ORT_DISABLE_TELEMETRY', 'CI', 'VITEST', 'GITHUB_ACTIONS', 'TF_BUILD']) delete env[name];
    expect(execFileSync(process.execPath, [script], { env, encoding: 'utf8' })).toBe('9\n');
    expect(readdirSync(home)).toEqual(['run.mjs']);
  } finally {
    rmSync(home, { recursive: true });
  }
});

describe('a session', () => {
  const x = g.input('x', 'float32', ['N']);
  const feeds = { x: { data: Float32Array.of(1, 2, 3), shape: [3] } };

  test('that rests is opened again, once, by whoever comes', async () => {
    await using session = await g.compile({ y: g.mul(x, x) });
    await session.unload();
    await session.unload();
    const results = await Promise.all([session.run(feeds), session.run(feeds), session.run(feeds)]);
    expect(results.map(({ y }) => [...y.data])).toEqual([
      [1, 4, 9],
      [1, 4, 9],
      [1, 4, 9],
    ]);
  });

  test('that was disposed of stays closed', async () => {
    const session = await g.compile({ y: g.mul(x, x) });
    await session[Symbol.asyncDispose]();
    await expect(session.run(feeds)).rejects.toThrow('the session was disposed of');
  });
});
