// The keys of a recipe as a list, read off the schema: what the docs, the settings and the messages go by.
import { z } from 'zod';
import { invariant } from '../../core/index.ts';
import { recipeSchema } from './schema.ts';

/** The part of JSON Schema that recipes need. */
export interface JsonSchema {
  /** Type of the value, or of an alternative; several for plain types that are alternatives. */
  type?: string | string[];
  /** The only value. */
  const?: string | number;
  /** The allowed values. */
  enum?: (string | number)[];
  /** Alternatives. */
  anyOf?: JsonSchema[];
  /** Schema of each element. */
  items?: JsonSchema;
  /** Keys of an object. */
  properties?: Record<string, JsonSchema>;
  /** Keys of an object that must be there. */
  required?: string[];
  /** Value where none is given. */
  default?: unknown;
  /** Meaning. */
  description?: string;
  /** `path` for the name of a file or folder, `model` for a folder or a name of the hub, `layers` for `all` or `last N`. */
  format?: string;
  /** Least value. */
  minimum?: number;
  /** Greatest value. */
  maximum?: number;
  /** Value that all must be above. */
  exclusiveMinimum?: number;
  /** Value that all must be below. */
  exclusiveMaximum?: number;
}

/** A key of a recipe that has a value of its own (a section has none). */
export interface RecipeKey {
  /** Names from the root, joined by dots. */
  key: string;
  /** What its value may be. */
  schema: JsonSchema;
  /** What its value may be, in words. */
  expected: string;
  /** Meaning, with unit and consequence. */
  description: string;
}

/** A section of a recipe, or its root: keys that are set one by one. */
export interface RecipeSection {
  /** Meaning; empty for the root. */
  description: string;
  /** What is below, by its last name. */
  children: ReadonlyMap<string, RecipeKey | RecipeSection>;
}

/** The schema of a recipe file as JSON Schema (draft 2020-12), for editors. */
export function recipeJsonSchema(): JsonSchema {
  return z.toJSONSchema(recipeSchema, { io: 'input' }) as JsonSchema;
}

const stringFormats: Readonly<Record<string, string>> = {
  path: 'a path',
  model: 'a path or ORG/NAME',
  layers: 'all or last N',
};

/** The root of all keys. */
export const recipeRoot: RecipeSection = section(recipeJsonSchema(), '');

/** All keys that have a value, in the order of the schema. */
export const recipeKeys: ReadonlyMap<string, RecipeKey> = new Map(leaves(recipeRoot).map((leaf) => [leaf.key, leaf]));

/** The names of all keys that have a value, joined by dots. */
export function recipeKeyNames(): string[] {
  return [...recipeKeys.keys()];
}

/**
 * Whether a child of a section is a section itself.
 * @param child - a key or a section
 */
export function isSection(child: RecipeKey | RecipeSection): child is RecipeSection {
  return 'children' in child;
}

/**
 * What a value may be, in words.
 * @param schema - of the value
 * @returns such as `integer ≥ 1 or null`
 */
export function describeType(schema: JsonSchema): string {
  if (schema.anyOf) return schema.anyOf.map(describeType).join(' or ');
  if (schema.const !== undefined) return String(schema.const);
  if (schema.enum) return schema.enum.length > 1 ? `one of ${schema.enum.join(', ')}` : `${schema.enum[0]}`;
  const { type = 'any' } = schema;
  if (Array.isArray(type)) return type.map((one) => describeType({ type: one })).join(' or ');
  switch (type) {
    case 'null':
      return 'null';
    case 'boolean':
      return 'true or false';
    case 'string':
      return stringFormats[schema.format ?? ''] ?? 'text';
    case 'integer':
    case 'number':
      return [type === 'integer' ? 'an integer' : 'a number', ...bounds(schema)].join(' ');
    case 'array':
      return `a list of ${describeType(schema.items ?? {}).replace('one of ', '')}`;
    case 'object': {
      const entries = Object.entries(schema.properties ?? {});
      return `{${entries.map(([name, value]) => `${name}: ${describeType(value)}`).join(', ')}}`;
    }
    default:
      throw new Error(`internal: no words for ${JSON.stringify(schema)}`);
  }
}

function bounds(schema: JsonSchema): string[] {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = schema;
  const lower = exclusiveMinimum !== undefined ? [`> ${exclusiveMinimum}`] : isBound(minimum) ? [`≥ ${minimum}`] : [];
  const upper = exclusiveMaximum !== undefined ? [`< ${exclusiveMaximum}`] : isBound(maximum) ? [`≤ ${maximum}`] : [];
  return lower.length + upper.length === 2 ? [...lower, 'and', ...upper] : [...lower, ...upper];
}

/** Every integer has the bounds of doubles. */
function isBound(bound: number | undefined): boolean {
  return bound !== undefined && Math.abs(bound) < Number.MAX_SAFE_INTEGER;
}

function section(schema: JsonSchema, key: string): RecipeSection {
  const children = new Map<string, RecipeKey | RecipeSection>();
  for (const [name, child] of Object.entries(schema.properties ?? {})) {
    const childKey = key === '' ? name : `${key}.${name}`;
    const { description } = child;
    invariant(description !== undefined, `the recipe's key ${childKey} has no description`);
    children.set(
      name,
      child.type === 'object'
        ? section(child, childKey)
        : { key: childKey, schema: child, expected: describeType(child), description },
    );
  }
  return { description: schema.description ?? '', children };
}

function leaves(parent: RecipeSection): RecipeKey[] {
  return [...parent.children.values()].flatMap((child) => (isSection(child) ? leaves(child) : [child]));
}
