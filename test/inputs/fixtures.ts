// How rows get their positions, by each rule of a model's family.
import type { Positions } from '../../src/inputs/index.ts';
import { positionsOf } from '../../src/inputs/index.ts';
import { qwen2_5_vl as family } from '../../src/model/families/qwen2-5-vl/index.ts';
import type { PositionRule } from '../../src/model/index.ts';

const { vision } = family.random!.config('tiny', 300);

/** Positions by a rule, where two by two patches are merged and a second has two time indices. */
export const positionsBy = (rule?: PositionRule): Positions => positionsOf({ family, vision }, rule);

/** Positions by the rule where nothing is said. */
export const positions: Positions = positionsBy();
