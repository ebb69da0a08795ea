// Writes the recipe's TypeScript types from its schema (`npx vitest run test/train/recipe.test.ts -u`).
import type { JsonSchema } from '../../src/train/recipe/keys.ts';

const head = `// What a recipe holds once it is read. Written from the schema by test/train/recipe.test.ts; do not edit.

/** A recipe with all values; paths are absolute. */
export interface Recipe {
`;

const tail = `}

/** A recipe before it is checked: whatever is left out, or undefined, comes from what is below it. */
export type RecipeInput = {
  [K in keyof Recipe]?:
    | (Recipe[K] extends object ? { [J in keyof Recipe[K]]?: Recipe[K][J] | undefined } : Recipe[K])
    | undefined;
};
`;

/** The source of src/train/recipe/types.ts, before prettier. */
export function recipeTypes(schema: JsonSchema): string {
  return `${head}${members(schema)}${tail}`;
}

function members({ properties = {}, required = [] }: JsonSchema): string {
  return Object.entries(properties)
    .map(([name, child]) => {
      const about = child.description!.replaceAll('*/', '* /');
      const shown =
        child.default === undefined || child.type === 'object' || Array.isArray(child.default)
          ? ''
          : JSON.stringify(child.default);
      const text =
        shown === ''
          ? about
          : `${about} Default ${child.default === null ? 'null' : `\`${shown.replaceAll('"', '')}\``}.`;
      const optional = child.type === 'object' || child.default !== undefined || required.includes(name) ? '' : '?';
      return `/** ${text} */\n${name}${optional}: ${typeText(child)};\n`;
    })
    .join('');
}

function typeText(schema: JsonSchema): string {
  if (schema.anyOf) return schema.anyOf.map(typeText).join(' | ');
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  const { type = 'unknown' } = schema;
  if (Array.isArray(type)) return type.map((one) => typeText({ type: one })).join(' | ');
  switch (type) {
    case 'integer':
      return 'number';
    case 'array':
      return `readonly (${typeText(schema.items!)})[]`;
    case 'object':
      return `{\n${members(schema)}}`;
    default:
      return type;
  }
}
