// @module-tag long
// The prepared benchmark for GPUs runs to its end with a tiny model on the CPU: each side has a result in each case.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { needsPython, python } from '../../reference/python.ts';

const run = promisify(execFile);

test.skipIf(python === undefined)(`bench/gpu/run.py --toy (${needsPython} with TRL)`, async () => {
  const out = mkdtempSync(join(tmpdir(), 'iovqa-test-'));
  await run(process.execPath, ['--import', 'tsx', 'bench/gpu/prepare.ts', '--toy']);
  await run(python!, ['bench/gpu/run.py', out, '--toy']);
  const results = readFileSync(join(out, 'results.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { who: string; case: string; recompute?: boolean | null; error?: string });
  rmSync(out, { recursive: true });
  expect(results.filter(({ error }) => error !== undefined)).toEqual([]);
  const named = results.map(({ who, case: name, recompute }) => `${who} ${name}${recompute === true ? ' again' : ''}`);
  const sides = ['ours later', 'ours first', 'trl first', 'peft first'].flatMap((name) => [name, `${name} again`]);
  expect(named).toEqual([...sides, ...['ours', 'peft'].flatMap((who) => [`${who} score`, `${who} ensemble`])]);
});
