// Words from files and tables: shown as text, whatever a terminal would make of them.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { oneLine, plainText, printable, show } from '../../src/core/index.ts';

/** Starts of orders (C0, C1), ends of lines, marks of direction. */
// eslint-disable-next-line no-control-regex -- control characters are what this is about
const orders = /[\u0000-\u001F\u007F-\u009F\u061C\u200E\u200F\u2028-\u202E\u2066-\u2069]/u;
const hostile = fc.string({
  unit: fc.constantFrom(
    'a',
    'é',
    '\u001B[2J',
    '\u009B31m',
    '\r',
    '\n',
    '\u0007',
    '\u202E',
    '\u2066',
    '\u2028',
    '\u007F',
  ),
});

it('is free of orders in every form', () => {
  fc.assert(
    fc.property(hostile, (text) => {
      expect(show(text)).not.toMatch(orders);
      expect(show([text])).not.toMatch(orders);
      expect(oneLine(text)).not.toMatch(orders);
      expect(plainText(text)).not.toMatch(orders);
      expect(printable(text).replaceAll('\n', '')).not.toMatch(orders);
      expect(JSON.parse(printable(JSON.stringify({ text })))).toEqual({ text });
    }),
  );
  expect(printable('a\tb\nc \u001B[31m')).toBe('a\tb\nc \\u001b[31m');
  expect(plainText('two\nlines \u001B]0;title\u0007')).toBe('two lines ]0;title');
});

it('of a very long name is cut in the middle', () => {
  expect(oneLine(`a${'x'.repeat(1e6)}b`)).toMatch(/^ax{2047} … x{2047}b$/);
  expect(oneLine('x'.repeat(4096))).toBe('x'.repeat(4096));
});

it('reaches the terminal through cli/terminal.ts alone', () => {
  const root = fileURLToPath(new URL('../../src', import.meta.url));
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  const writers = files.filter((file) =>
    /(?:process|io)\.(stdout|stderr)\.write\(|console\.(log|error|warn)\(/.test(readFileSync(join(root, file), 'utf8')),
  );
  expect(writers.map((file) => file.split('\\').join('/'))).toEqual(['cli/terminal.ts', 'core/apart.ts']);
});
