// Live comparison of what ships: transformers and PEFT load the model and its adapter as they stand, and score as `iovqa score` does.
import { mkdtemp, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { toMos5 } from '../../src/dataset/index.ts';
import { loadPromptProcessor } from '../../src/inputs/index.ts';
import { embeddedAdapter, embeddedModel, embeddedPictures } from '../../src/model/index.ts';
import { openModel } from '../../src/score/index.ts';
import { settingsOf } from '../../src/score/card.ts';
import { runCli } from '../cli/run-cli.ts';
import { needsPython, python, runPython } from './python.ts';

test.skipIf(python === undefined)(
  `the adapter that ships: ten scores of transformers and PEFT (${needsPython})`,
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'iovqa-nano-'));
    const names = (await readdir(embeddedPictures())).filter((name) => name.endsWith('.webp')).sort();
    const pictures: string[] = [];
    for (const [i, name] of names.slice(0, 10).entries()) {
      // Neither side resizes them: resampling differs by grey levels.
      const whole = sharp(join(embeddedPictures(), name)).extract({ left: 0, top: 0, width: 448, height: 448 });
      pictures.push(join(folder, `${i}.png`));
      await whole.blur(0.3 + 0.4 * i).toFile(pictures.at(-1)!);
    }
    const { stdout } = await runCli(['score', ...pictures, '--json'], { cwd: tmpdir() });
    const ours = JSON.parse(stdout) as { score: number; integer: number }[];

    const [model, adapter] = [embeddedModel(), embeddedAdapter()];
    const { checkpoint, card } = await openModel(adapter, model);
    const { template, codec } = await loadPromptProcessor(checkpoint, settingsOf(card!, adapter));
    const answers = codec.legalAnswers()!;
    const request = {
      question: template.render({ kind: 'image', prompt: undefined, codec }),
      answers: answers.map(({ text }) => text),
      pictures,
      subjects: { nano: { model, adapter } },
    };
    await writeFile(join(folder, 'request.json'), JSON.stringify(request));
    const { nano } = (await runPython('answers.py', join(folder, 'request.json'))) as {
      nano: { probabilities: number[]; generated: string }[];
    };
    const theirs = nano.map(({ probabilities }) => {
      const mass = probabilities.reduce((a, b) => a + b, 0);
      return probabilities.reduce((sum, p, i) => sum + (p / mass) * answers[i]!.value, 0);
    });
    expect(ours).toHaveLength(10);
    expect(Math.max(...ours.map(({ score }, i) => Math.abs(toMos5(card!.scale, score) - theirs[i]!)))).toBeLessThan(
      1e-4,
    );
    expect(nano.map(({ generated }) => Number(generated))).toEqual(ours.map(({ integer }) => integer));
    expect(new Set(ours.map(({ integer }) => integer)).size).toBeGreaterThan(3); // it tells them apart
  },
);
