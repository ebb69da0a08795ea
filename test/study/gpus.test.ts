// GPUs of a machine, divided among the runs of a study.
import { expect, test } from 'vitest';
import { cutGpus } from '../../src/study/grid/gpus.ts';

test.each([
  [8, 1, undefined, ['0', '1', '2', '3', '4', '5', '6', '7']],
  [8, 3, undefined, ['0,1,2', '3,4,5']],
  [2, 1, '5,7', ['5', '7']],
  [2, 1, 'GPU-1b2c,MIG-3d', ['GPU-1b2c', 'MIG-3d']],
  [1, 4, undefined, ['0']],
  [3, 2, '1,2,6', ['1,2,6']],
])('%d of them, %d for a run, visible %s: %j', (count, each, visible, parts) => {
  expect(cutGpus(count, each, visible)).toEqual(parts);
});
