// Reads the documents: their fenced blocks, their inline code, and the commands of shell blocks.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The checkout. */
export const root: string = fileURLToPath(new URL('../..', import.meta.url));

/** A fenced block. */
export interface Block {
  /** Its language; empty for none. */
  language: string;
  /** Its lines. */
  lines: string[];
  /** Line of the file on which it opens, from 1. */
  line: number;
}

/** A code span. */
export interface Span {
  /** Its text. */
  text: string;
  /** Its line in the file, from 1. */
  line: number;
}

/** What a document holds. */
export interface Document {
  blocks: Block[];
  spans: Span[];
  /** Addresses of its links and pictures. */
  links: Span[];
  /** What its headings are called in links. */
  anchors: Set<string>;
}

/**
 * Reads a document.
 * @param path - relative to the checkout
 */
export function readDocument(path: string): Document {
  const document: Document = { blocks: [], spans: [], links: [], anchors: new Set() };
  let open: Block | null = null;
  for (const [i, text] of readFileSync(`${root}/${path}`, 'utf8').split('\n').entries()) {
    const line = i + 1;
    const fence = /^\s*```(\S*)/.exec(text);
    if (fence !== null) {
      if (open === null) open = { language: fence[1]!, lines: [], line };
      else {
        document.blocks.push(open);
        open = null;
      }
      continue;
    }
    if (open !== null) {
      open.lines.push(text);
      continue;
    }
    // In tables a vertical bar is escaped, also within code.
    const unescaped = text.replaceAll('\\|', '|');
    for (const [, code] of unescaped.matchAll(/`([^`]+)`/g)) document.spans.push({ text: code!, line });
    for (const [, address] of text.matchAll(/\]\(([^)\s]+)\)/g)) document.links.push({ text: address!, line });
    const heading = /^#+ (.*)$/.exec(text)?.[1];
    if (heading !== undefined) document.anchors.add(anchorOf(heading));
  }
  if (open !== null) throw new Error(`${path}:${open.line}: a block that does not close`);
  return document;
}

/** As GitHub makes it. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(/\s/g, '-');

/**
 * The commands of a shell block, one by one, as words: continued lines are joined, comments dropped, `&&`, `;` and `|` end a command, and
 * variables that are set before a command are left out.
 * @param lines - of the block
 */
export function commandsOf(lines: readonly string[]): string[][] {
  const commands: string[][] = [];
  for (const line of lines.join('\n').replaceAll('\\\n', ' ').split('\n')) {
    let words: string[] = [];
    const end = (): void => {
      while (/^[A-Z_][A-Z0-9_]*=/.test(words[0] ?? '')) words.shift();
      if (words.length > 0) commands.push(words);
      words = [];
    };
    for (const [word] of line.matchAll(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g)) {
      if (word.startsWith('#')) break;
      if (['&&', ';', '|'].includes(word)) end();
      else words.push(word.replaceAll(/"([^"]*)"|'([^']*)'/g, '$1$2'));
    }
    end();
  }
  return commands;
}
