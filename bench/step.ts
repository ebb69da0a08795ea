// A LoRA step of both engines against transformers + PEFT with plain labels and TRL's SFTTrainer, on the same checkpoint, example and
// threads, one after the other in turns. Peak memory is that of each process (RssAnon). Results: docs/performance.md.
//   npx tsx src/cli/bin.ts models new runs/304m --preset bench-304m
//   IOVQA_REFERENCE_PYTHON=python npx tsx bench/step.ts runs/304m [ROUNDS] [THREADS]
// On a machine that has other work, one thread and the processor's time say more: two threads wait for each other.
import { openCheckpoint } from '../src/model/index.ts';
import type { Contestant } from './contestant.ts';
import { spread, startContestant } from './contestant.ts';
import { plainExample } from './example.ts';
import { limitFlops } from './limit.ts';

const [model, rounds = '9', threads = '2'] = process.argv.slice(2);
const python = process.env['IOVQA_REFERENCE_PYTHON'];
if (model === undefined || python === undefined) {
  throw new Error('usage: IOVQA_REFERENCE_PYTHON=PYTHON npx tsx bench/step.ts MODEL [ROUNDS] [THREADS]');
}
const example = JSON.stringify(plainExample(await openCheckpoint(model)));
const node = [process.execPath, '--import', 'tsx'];
const ours = (name: string): Promise<Contestant> =>
  startContestant(name, [...node, 'bench/ours/step.ts', model, threads, example]);
const torch = (name: string): Promise<Contestant> =>
  startContestant(name, [...node, 'bench/ours/torch-step.ts', model, threads, example, python]);
const peer = (name: string, program: string): Promise<Contestant> =>
  startContestant(name, [python, `bench/peers/${program}.py`, model, threads], example);
const one = await ours('iovqa, epoch ≥ 2');
const worker = await torch('iovqa --engine torch, epoch ≥ 2');
const plain = await peer('transformers + PEFT', 'step');
const trl = await peer("TRL's SFTTrainer", 'sft');
// A process of its own: the product's matrices are not the step's memory.
const limit = await ours('1024×4096×4096 product');
const entries = [
  { who: one, command: '' },
  { who: { ...one, name: 'iovqa, first epoch' }, command: 'first' },
  { who: worker, command: '' },
  { who: { ...worker, name: 'iovqa --engine torch, first epoch' }, command: 'first' },
  { who: plain, command: '' },
  { who: trl, command: '' },
  { who: limit, command: 'limit' },
];
const seconds = entries.map((): number[] => []);
const processor = entries.map((): number[] => []);
for (let round = -1; round < Number(rounds); round++) {
  for (const [i, { who, command }] of entries.entries()) {
    // Three steps a turn: training makes one after the other, and the first finds the caches full of somebody else's numbers.
    for (let step = 0; step < 3; step++) {
      const turn = await who.run(command);
      if (round < 0) continue;
      seconds[i]!.push(turn.seconds);
      processor[i]!.push(turn.processor);
    }
  }
  process.stderr.write(`round ${round + 1} of ${rounds}\n`);
}
const times = seconds.map((values) => spread(values));
const others = [plain, trl, worker].map((other) => entries.findIndex(({ who }) => who.name === other.name));
console.log(
  '| | seconds a step, median [quartiles] | of the processor | peak RssAnon | PEFT / this | SFTTrainer / this | torch, epoch ≥ 2 / this |',
);
console.log('|---|---|---|---|---|---|---|');
entries.slice(0, -1).forEach(({ who }, i) => {
  const { median, low, high } = times[i]!;
  const times2 = (k: number): string => `${(times[k]!.median / median).toFixed(2)} ×`;
  const memory = `${(who.peakAnonymousBytes() / 1e9).toFixed(2)} GB`;
  console.log(
    `| ${who.name} | ${median.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}] | ${spread(processor[i]!).median.toFixed(2)} | ${memory} | ${others.map(times2).join(' | ')} |`,
  );
});
const flops = one.about['flops'] as number;
const rate = flops / times[0]!.median;
const most = limitFlops / times.at(-1)!.median;
console.log(`
${(flops / 1e9).toFixed(1)} GFLOP are necessary: ${(rate / 1e9).toFixed(0)} GFLOP/s, ${(rate / most).toFixed(2)} of \
${(most / 1e9).toFixed(0)} GFLOP/s of a 1024×4096×4096 product`);
console.log(`versions of the peers: ${JSON.stringify(trl.about['versions'])}`);
for (const who of [one, worker, plain, trl, limit]) await who.stop();
