// A quick start whose folder is moved or deleted while it runs ends with an error, and makes nothing in its place.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { randomStream } from '../../src/core/index.ts';
import { createRandomCheckpoint } from '../../src/model/index.ts';
import type { QuickstartStage } from '../../src/quickstart/index.ts';
import { quickstart } from '../../src/quickstart/index.ts';
import { quickstartMembers } from '../../src/quickstart/members.ts';
import { generatedScene } from '../../src/synthesis/index.ts';
import { runCli } from '../cli/run-cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'iovqa-quickstart-'));
const at = (...names: string[]): string => join(folder, ...names);
afterAll(() => rmSync(folder, { recursive: true }));

beforeAll(async () => {
  await createRandomCheckpoint(at('model'), { preset: 'tiny' });
  mkdirSync(at('pictures'));
  for (let i = 0; i < 5; i++) {
    const { width, height, data } = generatedScene({ width: 300, height: 290, stream: randomStream(i) });
    await sharp(data, { raw: { width, height, channels: 3 } })
      .png()
      .toFile(at('pictures', `${i}.png`));
  }
});

const ways: Record<string, (path: string) => void> = {
  moved: (path) => renameSync(path, `${path}-away`),
  deleted: (path) => rmSync(path, { recursive: true }),
  'moved, with another in its place': (path) => {
    renameSync(path, `${path}-away`);
    mkdirSync(path);
  },
};

describe('a folder that is gone while its quick start goes on', () => {
  const check = async (how: string, part: QuickstartStage): Promise<void> => {
    const out = at(`${part} ${how}`);
    let isGone = false;
    const onProgress = (stage: QuickstartStage, done: number): void => {
      if (isGone || stage !== part || done < 2) return;
      isGone = true;
      ways[how]!(out);
    };
    const members = quickstartMembers.slice(0, 1);
    const options = { folder: out, model: at('model'), pictures: at('pictures'), members, onProgress };
    await expect(quickstart(options)).rejects.toMatchObject({
      code: 'bad-input',
      message: expect.stringContaining(out),
    });
    expect(isGone).toBe(true);
    const entries = (path: string): string[] => (existsSync(path) ? readdirSync(path) : []);
    expect(existsSync(out)).toBe(how.includes('another'));
    expect(entries(out)).toEqual([]);
    expect(entries(`${out}-away`)).not.toContain('quickstart.json');
  };

  test('deleted, in the part clips', () => check('deleted', 'clips'));
  test.each(Object.keys(ways).filter((how) => how !== 'deleted'))('%s, in the part clips', { tags: ['long'] }, (how) =>
    check(how, 'clips'),
  );

  // The trainings are processes of their own, which notice it by themselves.
  test('moved, in the part training', { tags: ['long'] }, () => check('moved', 'training'));

  test('the command says so in a line, with exit status 2', { tags: ['long'] }, async () => {
    let isGone = false;
    const { code, stdout, stderr } = await runCli(
      ['quickstart', '--out', 'q', '--model', 'model', '--pictures', 'pictures'],
      {
        cwd: folder,
        onStderr: (text) => {
          if (isGone || !/making clips [2-9]/.test(text)) return;
          isGone = true;
          ways['moved']!(at('q'));
        },
      },
    );
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(
      /^iovqa: q: expected the lock of this process in .*quickstart\.lock, got none or another's$/m,
    );
    expect(existsSync(at('q'))).toBe(false);
  });
});
