// Reads config.json of a model folder: which family it is of, and what that family makes of it.
import { join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../core/index.ts';
import { readJson } from '../files/index.ts';
import { familyOf } from './families/index.ts';
import { Problems } from './families/shared/config-problems.ts';
import type { ModelConfig } from './families/sizes.ts';
import type { FamilyTable, ModelFamily } from './families/types.ts';

/** What config.json says, and who understands it. */
export interface FamilyConfig {
  /** The family. */
  family: ModelFamily;
  /** Sizes and ids. */
  config: ModelConfig;
}

/**
 * Reads config.json.
 * @param families - those that there are; default `modelFamilies`
 * @throws UserError `bad-checkpoint` with every problem; `not-supported` when all of it is legal but not computed here
 */
export async function readFamilyConfig(folder: string, families?: FamilyTable): Promise<FamilyConfig> {
  const path = join(folder, 'config.json');
  const json = await readJson(path, 'bad-checkpoint');
  if (json === undefined) {
    throw new UserError('bad-checkpoint', `${folder}: expected a model folder, got none with a config.json`);
  }
  return parseFamilyConfig(json, path, families);
}

/**
 * Checks a parsed config.json.
 * @param json - its content
 * @param where - its name in messages
 * @param families - those that there are; default `modelFamilies`
 * @throws UserError as {@link readFamilyConfig}
 */
export function parseFamilyConfig(json: unknown, where: string, families?: FamilyTable): FamilyConfig {
  const problems = new Problems();
  const object = problems.parse(z.looseObject({}), json, '');
  problems.throwIfAny(where);
  const family = familyOf(object!['model_type'], where, families);
  return { family, config: family.parseConfig(json, where) };
}
