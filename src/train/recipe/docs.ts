// The keys of a recipe as a Markdown table.
import type { JsonSchema, RecipeKey, RecipeSection } from './keys.ts';
import { isSection, recipeRoot } from './keys.ts';

/**
 * All keys with type, default and meaning.
 * @returns Markdown: a table with a row for each section and key
 */
export function recipeDocs(): string {
  const rows = [['key', 'value', 'default', 'meaning'], ['---', '---', '---', '---'], ...sectionRows(recipeRoot, '')];
  return rows.map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`).join('');
}

function sectionRows(section: RecipeSection, prefix: string): string[][] {
  return [...section.children].flatMap(([name, child]) => {
    const key = `${prefix}${name}`;
    if (isSection(child)) return [[`**\`${key}\`**`, '', '', child.description], ...sectionRows(child, `${key}.`)];
    return [[`\`${key}\``, child.expected, defaultOf(child), child.description]];
  });
}

function defaultOf({ key, schema }: RecipeKey): string {
  const { default: value } = schema;
  if (value === undefined) return key.startsWith('data.columns.') ? '' : 'required';
  if (Array.isArray(value) && value.length === enumSize(schema)) return 'all';
  return `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;
}

function enumSize({ items }: JsonSchema): number | undefined {
  return items?.enum?.length;
}
