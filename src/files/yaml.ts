// YAML to a plain tree that knows its lines. Refuses what YAML has and settings do not need: aliases, tags, keys that are no text.
import type { Node, ParsedNode, Range } from 'yaml';
import { LineCounter, isAlias, isMap, isScalar, isSeq, parseDocument, visit } from 'yaml';
import { show } from '../core/index.ts';

/** One thing that is wrong with a file of settings. */
export interface SettingsProblem {
  /** File and line, or what else the value came from. */
  where: string;
  /** The key, joined by dots; empty where there is none. */
  key: string;
  /** What was expected, as a phrase. */
  expected: string;
  /** What came instead, as a phrase. */
  got: string;
  /** What to do about it. */
  hint?: string;
}

/**
 * A value of a file of settings as a message shows it.
 * @param value - plain data
 */
export function showValue(value: unknown): string {
  if (value === undefined) return 'nothing';
  return typeof value === 'number' ? String(value) : show(value);
}

/** A value and where it came from. */
export interface Tree {
  /** Where: `recipe.yaml:12`, or the name of another source. */
  where: string;
  /** The value as plain data. */
  value: unknown;
  /** What is below, when it is a map; names may repeat. */
  entries?: readonly (readonly [name: string, child: Tree])[];
  /** What the user wrote for a number, truth value or null: its text where text is wanted. */
  source?: string;
}

/** Longest file that is read: dozens of times any real one, and too short to keep the parser busy. */
const maxLength = 65_536;

/** Most keys, lists and maps of a file. */
const maxOpenings = 1000;

/**
 * Reads YAML.
 * @param text - one document
 * @param place - names a line, counted from 1
 * @param problems - receives what is wrong
 * @param allowComments - false where a comment is more likely a value that wants quotes
 * @returns the tree, or undefined when there is a problem
 */
export function parseYaml(
  text: string,
  place: (line: number) => string,
  problems: SettingsProblem[],
  allowComments = true,
): Tree | undefined {
  const before = problems.length;
  const report = (line: number, expected: string, got: string, hint?: string): void => {
    problems.push({ where: place(line), key: '', expected, got, ...(hint === undefined ? {} : { hint }) });
  };
  if (text.length > maxLength) {
    report(1, `at most ${maxLength} characters`, String(text.length));
    return undefined;
  }
  // The parser is recursive, and thousands of nested brackets can end the process where V8 compiles a regular expression with the
  // stack used up; no catch helps then. Every level but those by indentation needs one of these.
  const openings = text.match(/[[{]|[-?:](?=\s)/g)?.length ?? 0;
  if (openings > maxOpenings) {
    report(1, `at most ${maxOpenings} keys, lists and maps`, String(openings));
    return undefined;
  }
  const lines = new LineCounter();
  const lineAt = (range: Range | null | undefined): number => Math.max(1, lines.linePos(range?.[0] ?? 0).line);
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  for (const { pos, message } of [...document.errors, ...document.warnings]) {
    report(lineAt([pos[0], pos[1], pos[1]]), 'valid YAML', `an error: ${message.split('\n')[0]}`);
  }
  if (problems.length > before) return undefined;
  const comment = (node: { comment?: string | null; commentBefore?: string | null }): void => {
    if (allowComments || (node.comment ?? node.commentBefore ?? null) === null) return;
    report(1, 'no comment', show(text), 'put the value in quotes');
  };
  comment(document);
  visit(document, {
    Node: (_, node) => {
      comment(node);
      const what = refused(node);
      if (what !== undefined) report(lineAt(node.range), 'plain values', what, 'write the value out');
    },
    Pair: (_, { key }) => {
      const node = key as ParsedNode | null;
      if (isScalar(node) && typeof node.value === 'string' && node.value !== '__proto__') return;
      report(lineAt(node?.range), 'a key that is text', isScalar(node) ? showValue(node.value) : 'a list or map');
    },
  });
  if (problems.length > before) return undefined;
  const tree = (node: Node | null, line: number): Tree => {
    const where = place(line);
    if (isMap<Node, Node | null>(node)) {
      const entries = node.items.map(({ key, value }): [string, Tree] => [
        (key as unknown as { value: string }).value,
        tree(value, lineAt(key.range)),
      ]);
      return { where, value: Object.fromEntries(entries.map(([name, child]) => [name, child.value])), entries };
    }
    if (isSeq<Node | null>(node)) return { where, value: node.items.map((item) => tree(item, line).value) };
    if (!isScalar(node)) return { where, value: null };
    const isText = typeof node.value === 'string' || node.source === undefined;
    return { where, value: node.value, ...(isText ? {} : { source: node.source }) };
  };
  return tree(document.contents, lineAt(document.contents?.range));
}

/**
 * Plain data, given by a program, as a tree.
 * @param value - the data; keys with the value undefined are left out
 * @param where - its name in messages
 */
export function treeOf(value: unknown, where: string): Tree {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { where, value };
  const entries = Object.entries(value).filter(([, child]) => child !== undefined);
  return { where, value, entries: entries.map(([name, child]) => [name, treeOf(child, where)]) };
}

function refused(node: Node): string | undefined {
  if (isAlias(node)) return `the alias *${node.source}`;
  if ((isScalar(node) || isMap(node) || isSeq(node)) && node.anchor !== undefined) return `the anchor &${node.anchor}`;
  return 'tag' in node && node.tag !== undefined && !isScalar(node) ? `the tag ${node.tag}` : undefined;
}
