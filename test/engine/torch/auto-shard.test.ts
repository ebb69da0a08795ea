// `shard: auto` decides by the memory that the smallest device has left, before any weight is read. The workers are two connections of a
// program of Node.js in the place of Python, which says that it has GPUs.
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Engine } from '../../../src/engine/index.ts';
import { openEngine } from '../../../src/engine/index.ts';
import { deviceMemory } from '../../../src/engine/torch/memory.ts';
import type { EngineWork } from '../../../src/engine/types.ts';
import { temporaryFolder } from '../../files/temporary.ts';
import { writeSized } from './sized.ts';

const RANKS = 2;

/** Python with GPUs of so many free bytes; it writes down what it is asked to open. */
function fakePython(folder: string, free: readonly number[]): string {
  const path = join(folder, 'python');
  const facts = {
    versions: { python: '3.12.0', torch: '2.10.0', transformers: '5.17.0', peft: '0.21.0' },
    device: 'cuda',
    devices: RANKS,
    names: ['a', 'b'],
    hasBfloat16: true,
  };
  writeFileSync(
    path,
    `#!${process.execPath}
if (process.argv.includes('-c')) { console.log(${JSON.stringify(JSON.stringify(facts))}); process.exit(0); }
const { connect } = require('node:net');
const { appendFileSync } = require('node:fs');
const [host, port] = process.env.IOVQA_LINK.split(':');
${JSON.stringify(free)}.forEach((free, rank) => {
  const socket = connect(Number(port), host);
  socket.on('close', () => process.exit(0));
  const send = (header) => {
    const text = Buffer.from(JSON.stringify({ ...header, tensors: [] }));
    const prefix = Buffer.alloc(20);
    prefix.write('iovq');
    prefix.writeUInt32LE(1, 4);
    prefix.writeUInt32LE(text.length, 8);
    socket.write(Buffer.concat([prefix, text]));
  };
  let rest = Buffer.alloc(0);
  socket.on('data', (data) => {
    rest = Buffer.concat([rest, data]);
    while (rest.length >= 20 && rest.length >= 20 + rest.readUInt32LE(8)) {
      const end = 20 + rest.readUInt32LE(8);
      const { id, op, shard } = JSON.parse(rest.subarray(20, end).toString());
      rest = rest.subarray(end);
      if (op === 'open') appendFileSync(${JSON.stringify(join(folder, 'opened'))}, shard + '\\n');
      send({ op: 'done', id, free });
    }
  });
  send({ op: 'hello', token: process.env.IOVQA_TOKEN, rank });
  send({ op: 'ready', versions: {} });
});
`,
  );
  chmodSync(path, 0o755);
  return path;
}

describe.skipIf(process.platform !== 'linux')('runtime.shard: auto', () => {
  const clip = { tokens: 300, visionTokens: 24, rows: 2 };
  const work: EngineWork = {
    lora: { rank: 8, alpha: 8, dropout: 0.1, rslora: false, targets: ['q_proj', 'v_proj'] },
    training: { microBatch: 1, gradientCheckpointing: false, clip },
    scoring: { together: 1, clip },
  };

  /** Opens with devices that have as much as one way needs, and a little more or less; gives what the workers were asked to open. */
  async function open(
    way: 'none' | 'full',
    more: number,
    folder = temporaryFolder(),
  ): Promise<{ engine: Engine; opened: string }> {
    const model = await writeSized(join(folder, 'model'), { layers: 32, width: 512, mlp: 2048 });
    const place = { ranks: RANKS, precision: 'bfloat16', device: 'cuda', isSharded: way === 'full' } as const;
    const least = deviceMemory(model, work, place).bytes + more;
    const python = fakePython(folder, [80e9, least]);
    const runtime = { engine: 'torch', python, devices: RANKS } as const;
    const engine = await openEngine(model, { runtime, work, logs: folder });
    return { engine, opened: readFileSync(join(folder, 'opened'), 'utf8') };
  }

  test.each([
    ['the whole model fits', 'none', 1e6, 'none', /each the whole model \(none\)/],
    [
      'it does not',
      'none',
      -1e6,
      'full',
      /each its share of the decoder layers \(full\).*; the whole model would need/,
    ],
    ['a share just fits', 'full', 1e6, 'full', /\(full\)/],
  ] as const)('where %s', async (_, way, more, shard, note) => {
    const { engine, opened } = await open(way, more);
    expect(opened).toBe(`${shard}\n`.repeat(RANKS));
    expect(engine.notes).toEqual([expect.stringMatching(note) as string]);
    await engine[Symbol.asyncDispose]();
  });

  test('nothing is read where neither fits', async () => {
    const folder = temporaryFolder();
    await expect(open('full', -1e6, folder)).rejects.toMatchObject({
      code: 'not-supported',
      message: expect.stringContaining('training with 1 × 300 tokens at a time on 2 devices') as string,
      hint: expect.stringMatching(/train\.gradientCheckpointing: true .* or 4 devices/) as string,
    });
    expect(existsSync(join(folder, 'opened'))).toBe(false);
  });
});
