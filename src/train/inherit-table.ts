// A run whose manifest has a file beside it that says how it is read: that becomes the recipe's, so that the run keeps it.
import { mergeTableOptions, readSidecar, scaleName } from '../dataset/index.ts';
import type { TableOptions } from '../dataset/index.ts';
import type { Recipe, ResolvedRecipe } from './recipe/index.ts';

/**
 * How a recipe says its manifest is read.
 * @param data - the recipe's `data`
 */
export function tableOptions({
  preset,
  scale,
  target,
  columns,
  mediaRoot,
  delimiter,
  header,
}: Recipe['data']): TableOptions {
  return {
    columns: { ...columns, ...(target === null ? {} : { mos: target }) },
    ...(preset === null ? {} : { preset }),
    ...(scale === null ? {} : { scale }),
    ...(mediaRoot === null ? {} : { mediaRoot }),
    ...(delimiter === null ? {} : { delimiter }),
    ...(header === null ? {} : { header }),
  };
}

/**
 * Puts what the file beside the manifest says into the recipe, where the recipe says nothing.
 * @param resolved - the recipe; returned as it is without such a file
 * @throws UserError `bad-input` when the file is wrong
 */
export async function inheritTableOptions(resolved: ResolvedRecipe): Promise<ResolvedRecipe> {
  const { data } = resolved.recipe;
  const sidecar = await readSidecar(data.manifest);
  if (sidecar === undefined) return resolved;
  const { columns = {}, scale, ...rest } = mergeTableOptions(tableOptions(data), sidecar.options);
  const { mos, ...others } = columns;
  // A score that `columns.mos` names stays there.
  const target = data.columns.mos !== undefined && data.columns.mos === mos ? data.target : (mos ?? null);
  const settled: Recipe['data'] = {
    ...data,
    ...rest,
    preset: (rest.preset ?? null) as Recipe['data']['preset'],
    scale: typeof scale === 'object' ? scaleName(scale) : (scale ?? null),
    target,
    columns: { ...others, ...(data.columns.mos === undefined ? {} : { mos: data.columns.mos }) },
  };
  const provenance = new Map(resolved.provenance);
  const note = (key: string, before: unknown, after: unknown): void => {
    if (JSON.stringify(before) !== JSON.stringify(after)) provenance.set(key, sidecar.path);
  };
  for (const key of ['preset', 'scale', 'target', 'mediaRoot', 'delimiter', 'header'] as const) {
    note(`data.${key}`, data[key], settled[key]);
  }
  for (const [role, name] of Object.entries(others)) {
    note(`data.columns.${role}`, data.columns[role as keyof typeof others], name);
  }
  return { recipe: { ...resolved.recipe, data: settled }, provenance };
}
