// Two examples for the help of each command.
import type { Command } from 'commander';
import { commandLine } from '../../core/index.ts';

/** Command lines as they are typed where iovqa is installed, by command. */
export const examples: Readonly<Record<string, readonly [string, string]>> = {
  quickstart: ['iovqa quickstart', 'iovqa quickstart --out runs/other --seed 1'],
  train: [
    'iovqa train --manifest clips.csv --model models/nano --out runs/first',
    'iovqa train --out runs/first --resume',
  ],
  'cross-validate': [
    'iovqa cross-validate --manifest clips.csv --model models/nano --out runs/folds',
    'iovqa cross-validate recipe.yaml --folds 10 --out runs/folds --resume',
  ],
  worker: [
    'iovqa worker --master 10.0.0.1:29400',
    'iovqa worker --master node01:29400 --python iovqa-torch/bin/python',
  ],
  'study run': ['iovqa study run study.yaml --dry-run', 'iovqa study run study.yaml --jobs 2'],
  'study status': ['iovqa study status study.yaml', 'iovqa study status study.yaml --markdown'],
  estimate: [
    'iovqa estimate recipe.yaml',
    'iovqa estimate --manifest clips.csv --model qwen2.5-vl-72b --engine torch --devices 8 --device-memory 80GB',
  ],
  'inspect mask': [
    'iovqa inspect mask recipe.yaml',
    'iovqa inspect mask --manifest clips.csv --model models/nano --clip a.mp4',
  ],
  'inspect frames': [
    'iovqa inspect frames recipe.yaml --to frames',
    'iovqa inspect frames --manifest clips.csv --model models/nano --clip a.mp4 --to frames',
  ],
  'inspect model': ['iovqa inspect model models/nano', 'iovqa inspect model runs/first --json'],
  score: ['iovqa score clip.mp4', 'iovqa score clips/ --with runs/first --out scores.jsonl'],
  'scores merge': [
    'iovqa scores merge part1.jsonl part2.jsonl --out scores.jsonl',
    'iovqa scores merge part1.csv part2.csv --out scores.csv --json',
  ],
  ensemble: [
    'iovqa ensemble runs/both runs/first runs/second',
    'iovqa ensemble runs/three runs/a runs/b runs/c --weights 2,1,1',
  ],
  evaluate: ['iovqa evaluate scores.jsonl --manifest clips.csv', 'iovqa evaluate table.csv --by generator'],
  compare: [
    'iovqa compare first.jsonl second.jsonl --manifest clips.csv',
    'iovqa compare integer=a1.jsonl,a2.jsonl decimal=b1.jsonl,b2.jsonl --manifest clips.csv --metric srcc',
  ],
  'data check': ['iovqa data check clips.csv', 'iovqa data check labels.csv --preset konvid-1k --media-root videos'],
  'data votes': [
    'iovqa data votes votes.csv --out clips.csv',
    'iovqa data votes wide.csv --raters "r*" --method p910 --out clips.csv --raters-out raters.csv',
  ],
  'models new': ['iovqa models new models/mine', 'iovqa models new models/mine --preset tiny --seed 1'],
  'models pull': [
    'iovqa models pull Qwen/Qwen2.5-VL-3B-Instruct',
    'iovqa models pull Qwen/Qwen2.5-VL-7B-Instruct --revision main',
  ],
  'models list': ['iovqa models list', 'iovqa models list --json'],
  export: ['iovqa export runs/first --to merged', 'iovqa export runs/first --to adapter --format adapter'],
  'cache info': ['iovqa cache info', 'iovqa cache info --json'],
  'cache limit': ['iovqa cache limit 50GB', 'iovqa cache limit 0'],
  'cache clear': ['iovqa cache clear', 'iovqa cache clear --json'],
  doctor: ['iovqa doctor', 'iovqa doctor --python iovqa-torch/bin/python --json'],
  completion: ['source <(iovqa completion bash)', 'iovqa completion fish > ~/.config/fish/completions/iovqa.fish'],
};

/**
 * Puts the examples at the end of the help of each command.
 * @param command - the program, or a command
 * @param path - the words that lead to it
 */
export function addExamples(command: Command, path: readonly string[] = []): void {
  for (const child of command.commands) addExamples(child, [...path, child.name()]);
  const lines = examples[path.join(' ')];
  if (lines === undefined) return;
  const typed = lines.map((line) => line.replace(/\biovqa (?=[a-z])/, commandLine('')));
  command.addHelpText('after', `\nExamples:\n  ${typed.join('\n  ')}`);
}
