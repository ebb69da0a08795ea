// The model families that there are. Another one is a folder beside `qwen2-5-vl` and a row here.
import { UserError, show } from '../../core/index.ts';
import { qwen2_5_vl } from './qwen2-5-vl/index.ts';
import type { FamilyTable, ModelFamily } from './types.ts';

const rows: readonly ModelFamily[] = [qwen2_5_vl];

/** Families by their `model_type`. */
export const modelFamilies: FamilyTable = Object.fromEntries(rows.map((family) => [family.modelType, family]));

/**
 * The family of a model.
 * @param modelType - `model_type` of its config.json
 * @param where - the file, for the message
 * @param families - those that there are; default {@link modelFamilies}
 * @throws UserError `not-supported` that lists the families
 */
export function familyOf(modelType: unknown, where: string, families: FamilyTable = modelFamilies): ModelFamily {
  if (isSupported(modelType, families)) return families[modelType]!;
  const expected = Object.keys(families).map((name) => show(name));
  const message = `${where}: model_type: expected ${expected.join(' or ')}, got ${show(modelType)}`;
  const names = Object.values(families).map(({ name }) => name);
  throw new UserError('not-supported', message, {
    hint: `Models of the ${names.join(', ')} ${names.length === 1 ? 'family' : 'families'} are supported.`,
  });
}

/**
 * Whether a model is of a family that there is.
 * @param modelType - `model_type` of its config.json
 * @param families - those that there are; default {@link modelFamilies}
 */
export function isSupported(modelType: unknown, families: FamilyTable = modelFamilies): modelType is string {
  return typeof modelType === 'string' && Object.hasOwn(families, modelType);
}

/** A size of a family, by names. */
export interface NamedSize {
  /** The family that can make such models. */
  family: ModelFamily;
  /** What makes them. */
  random: NonNullable<ModelFamily['random']>;
  /** Name of the size. */
  size: string;
}

/**
 * The size that a name stands for.
 * @param name - of a size, or of a published model of the hub, with or without `@REVISION`
 * @param families - those that there are; default {@link modelFamilies}
 * @returns null for other names
 */
export function sizeNamed(name: string, families: FamilyTable = modelFamilies): NamedSize | null {
  for (const family of Object.values(families)) {
    const size = family.random?.sizeNamed(name) ?? null;
    if (size !== null) return { family, random: family.random!, size };
  }
  return null;
}
