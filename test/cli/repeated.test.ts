import { expect, test } from 'vitest';
import { causeOfError, repeatedNotes } from '../../src/cli/repeated.ts';

test('thousands of mistakes of one cause are a few lines and a count; others are told', () => {
  const lines: string[] = [];
  const notes = repeatedNotes((line) => lines.push(line));
  for (let i = 0; i < 4000; i++) notes.tell(`t.csv:${i + 2}: no number`, 'no number');
  notes.tell('t.csv:9000: a quote');
  notes.end();
  expect(lines).toHaveLength(7);
  expect(lines.slice(-2)).toEqual(['t.csv:9000: a quote', '… and 3995 more like t.csv:2: no number']);
});

test('causes without end take no memory without end', () => {
  const lines: string[] = [];
  const notes = repeatedNotes((line) => lines.push(line));
  for (let i = 0; i < 20_000; i++) notes.tell(`cause ${i}`);
  notes.end();
  expect(lines.length).toBeLessThan(1100);
  expect(lines.at(-1)).toMatch(/^… and \d+ more like cause 1000$/);
});

test('the cause of a row is what was expected, of a clip also what came', () => {
  expect(causeOfError('t.csv:4', 't.csv:4: expected 2 fields, got 3: "a"')).toBe(': expected 2 fields');
  expect(causeOfError('a.mp4', '/clips/a.mp4: expected a file, got nothing')).toBe('expected a file, got nothing');
  expect(causeOfError('a.mp4', 'a.mp4: expected a video, got a text')).toBe(': expected a video, got a text');
});
