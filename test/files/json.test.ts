// JSON files and JSON lines.
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openJsonLines, readJson, readJsonLines, truncateJsonLines } from '../../src/files/index.ts';
import { appendJsonLines } from '../../src/files/json-lines.ts';
import { temporaryFolder } from './temporary.ts';

describe('JSON lines', () => {
  it('come back in order, from concurrent appends too', async () => {
    const path = join(temporaryFolder(), 'a.jsonl');
    expect(await readJsonLines(path)).toEqual([]);
    await appendJsonLines(path, [{ n: 0 }, 'two\nlines \u2028']);
    const writer = await openJsonLines(path);
    await Promise.all(Array.from({ length: 20 }, (_, n) => writer.append({ n })));
    await writer.sync();
    await writer.close();
    const n = Array.from({ length: 20 }, (_, i) => ({ n: i }));
    expect(await readJsonLines(path)).toEqual([{ n: 0 }, 'two\nlines \u2028', ...n]);
  });

  it('survive a torn last line: it is not read, and cut off before the next append', async () => {
    const path = join(temporaryFolder(), 'a.jsonl');
    await appendJsonLines(path, [1, 2]);
    appendFileSync(path, '{"torn": "é'.slice(0, 9));
    expect(await readJsonLines(path)).toEqual([1, 2]);
    await appendJsonLines(path, [3]);
    expect(readFileSync(path, 'utf8')).toBe('1\n2\n3\n');
    writeFileSync(path, 'torn');
    await appendJsonLines(path, [4]);
    expect(readFileSync(path, 'utf8')).toBe('4\n');
  });

  it('are cut by value or by bytes', async () => {
    const path = join(temporaryFolder(), 'a.jsonl');
    await truncateJsonLines(path, () => true);
    await expect(truncateJsonLines(path, 3)).rejects.toThrow('end of a line');
    await appendJsonLines(path, [{ step: 1 }, { step: 2 }, { step: 3 }]);
    await truncateJsonLines(path, (value) => (value as { step: number }).step <= 2);
    expect(await readJsonLines(path)).toEqual([{ step: 1 }, { step: 2 }]);
    await expect(truncateJsonLines(path, 5)).rejects.toThrow('end of a line');
    await truncateJsonLines(path, 11);
    expect(readFileSync(path, 'utf8')).toBe('{"step":1}\n');
  });

  it('are whole across the pieces that a file is read and cut in', async () => {
    const path = join(temporaryFolder(), 'a.jsonl');
    const values = Array.from({ length: 3000 }, (_, i) => ({ i, text: 'é'.repeat((i * 37) % 1500) }));
    writeFileSync(path, `${values.map((value) => JSON.stringify(value)).join('\n')}\n"${'torn'.repeat(400_000)}`);
    expect(await readJsonLines(path)).toEqual(values);
    await appendJsonLines(path, ['behind']); // the torn line is longer than a piece
    expect(await readJsonLines(path)).toEqual([...values, 'behind']);
    await truncateJsonLines(path, (_, i) => i % 3 === 1);
    expect(await readJsonLines(path)).toEqual(values.filter(({ i }) => i % 3 === 1));
  });

  it('refuse what JSON cannot hold and point at lines that are not JSON', async () => {
    const path = join(temporaryFolder(), 'a.jsonl');
    await expect(appendJsonLines(path, [{ loss: NaN }])).rejects.toThrow('finite numbers, got NaN at "loss"');
    await expect(appendJsonLines(path, [undefined])).rejects.toThrow('expected a value');
    writeFileSync(path, '1\nx\n3\ny\n');
    await expect(readJsonLines(path)).rejects.toMatchObject({
      code: 'bad-input',
      message: `${path}:2: expected a line of JSON, got "x" (and 1 more lines)`,
    });
  });
});

describe('readJson', () => {
  it('tells a missing file from a wrong one', async () => {
    const path = join(temporaryFolder(), 'a.json');
    expect(await readJson(path)).toBeUndefined();
    writeFileSync(path, '{"a": 1}');
    expect(await readJson(path)).toEqual({ a: 1 });
    writeFileSync(path, '{"a": ');
    await expect(readJson(path, 'bad-recipe')).rejects.toMatchObject({ code: 'bad-recipe' });
    writeFileSync(path, '['.repeat(200_000) + ']'.repeat(200_000));
    await expect(readJson(path)).rejects.toThrow('got "more than 100 levels"');
    writeFileSync(path, Buffer.from([0x22, 0xff, 0x22]));
    await expect(readJson(path)).rejects.toMatchObject({ code: 'bad-input' });
  });
});
