// Live comparison of whole answers: models that we train, adapters on them and merged ones, asked by transformers and PEFT.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadPromptProcessor } from '../../src/inputs/index.ts';
import { readCard } from '../../src/model/index.ts';
import type { ClipScore } from '../../src/score/index.ts';
import { exportAdapter, loadScorer, openModel } from '../../src/score/index.ts';
import { settingsOf } from '../../src/score/card.ts';
import type { Workshop } from '../train/run-fixtures.ts';
import { openWorkshop, runAll } from '../train/run-fixtures.ts';
import { needsPython, python, runPython } from './python.ts';

interface Answer {
  probabilities: number[];
  generated: string;
}

const names = ['trained', 'adapter', 'rslora', 'merged'] as const;
type Name = (typeof names)[number];

describe.skipIf(python === undefined)(`answers of transformers (${needsPython})`, () => {
  let shop: Workshop;
  let theirs: Record<Name, Answer[]>;
  const ours = {} as Record<Name, ClipScore[]>;

  beforeAll(async () => {
    shop = await openWorkshop();
    const best = (run: string): string => shop.at(run, 'checkpoints', 'best');
    // Long enough that greedy generation writes integers.
    await runAll(shop.recipe('full', { method: 'full', epochs: 25 }));
    const base = { model: best('full'), epochs: 4 };
    await runAll(shop.recipe('lora', { ...base, lora: { rank: 4 } }));
    await runAll(shop.recipe('rslora', { ...base, lora: { rank: 3, rslora: true, targets: ['q_proj', 'up_proj'] } }));
    await exportAdapter(shop.at('lora'), shop.at('merged'), 'merged');
    const folders: Record<Name, string> = {
      trained: best('full'),
      adapter: best('lora'),
      rslora: best('rslora'),
      merged: shop.at('merged'),
    };
    const pictures = Array.from({ length: 12 }, (_, i) => shop.at(`${i}.png`));
    for (const name of names) {
      await using scorer = await loadScorer(folders[name], { workers: 1 });
      ours[name] = [];
      for await (const result of scorer.score(pictures.map((path) => ({ path, kind: 'image' as const })))) {
        if ('error' in result) throw result.error;
        ours[name].push(result);
      }
    }
    const { checkpoint, folder } = await openModel(folders.trained);
    const { template, codec } = await loadPromptProcessor(checkpoint, settingsOf((await readCard(folder))!, folder));
    const request = {
      question: template.render({ kind: 'image', prompt: undefined, codec }),
      answers: codec.legalAnswers()!.map(({ text }) => text),
      pictures,
      subjects: {
        trained: { model: folders.trained, adapter: null },
        adapter: { model: folders.trained, adapter: folders.adapter },
        rslora: { model: folders.trained, adapter: folders.rslora },
        merged: { model: folders.merged, adapter: null },
      } satisfies Record<Name, unknown>,
    };
    await writeFile(shop.at('request.json'), JSON.stringify(request));
    theirs = (await runPython('answers.py', join(shop.folder, 'request.json'))) as typeof theirs;
  });
  afterAll(() => shop.remove());

  it.each(names)('%s: the 41 probabilities, and what they add up to', (name) => {
    for (const [i, { probabilities, legalMass }] of ours[name].entries()) {
      const want = theirs[name][i]!.probabilities;
      const mass = want.reduce((a, b) => a + b, 0);
      expect(Math.abs(legalMass! - mass)).toBeLessThan(1e-5);
      expect(Math.max(...want.map((p, a) => Math.abs(p / mass - probabilities![a]!)))).toBeLessThan(1e-5);
    }
  });

  it.each(names)('%s: greedy generation writes our integer', (name) => {
    const generated = theirs[name].map((answer) => answer.generated);
    expect(generated.every((text) => /^[1-4]\d$|^50$/.test(text))).toBe(true);
    expect(generated.map(Number)).toEqual(ours[name].map(({ integer }) => integer));
  });

  it('the adapters matter', () => {
    const scores = (name: Name): number[] => ours[name].map(({ score }) => score);
    expect(new Set(scores('trained')).size).toBeGreaterThan(6);
    expect(scores('adapter')).not.toEqual(scores('trained'));
    expect(scores('rslora')).not.toEqual(scores('trained'));
  });
});
