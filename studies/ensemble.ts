// What ensembles gain: five members that differ by seed alone, or by frames and rank; how they are weighted, and what is averaged.
//   npx tsx studies/ensemble.ts [--json]
// It reads the results of studies/known-truth.yaml and studies/ensemble.yaml.
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { sayMistakes } from '../nano/mistakes.ts';
import { judgeEnsembles } from './ensemble/judge.ts';
import { readEnsembles } from './ensemble/read.ts';
import { showEnsembleTable } from './ensemble/words.ts';

sayMistakes();

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } });
const beside = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const { sets, clips } = await readEnsembles({
  knownTruth: beside('known-truth.yaml'),
  ensemble: beside('ensemble.yaml'),
});
const table = judgeEnsembles(sets, clips);
console.log(values.json ? JSON.stringify(table) : showEnsembleTable(table));
