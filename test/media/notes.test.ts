// Kinds of notes: one list, that the docs have; counted by kind, a clip once.
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { NoteCounter, noteOf } from '../../src/media/index.ts';
import { kindOfNote, noteKinds, noteKindsTable } from '../../src/media/notes.ts';
import { recipeKeys } from '../../src/train/recipe/keys.ts';

it('the list stands in the docs, and its options are keys and values of a recipe', () => {
  const docs = readFileSync(new URL('../../docs/frames.md', import.meta.url), 'utf8');
  const plain = (text: string): string => text.replaceAll(/ +/g, ' ').replaceAll(/-{3,}/g, '---');
  expect(plain(docs)).toContain(plain(noteKindsTable()));
  for (const { option } of Object.values(noteKinds)) {
    if (option === undefined) continue;
    const [key, value] = option.split(': ') as [string, string];
    expect([option, recipeKeys.get(key)?.expected]).toEqual([option, expect.stringContaining(value)]);
    // What a note suggests is what new recipes do.
    expect([option, String(recipeKeys.get(key)?.schema.default)]).toEqual([option, value]);
  }
});

it('a note tells its kind', () => {
  expect(noteOf('hdr', 'HLG')).toMatch(
    /^hdr: HDR \(HLG\) without tone mapping.* \(frames\.toneMap: bt2390 changes that\)$/,
  );
  expect(kindOfNote(noteOf('pages', 3))).toBe('pages');
  for (const text of ['', 'text', 'toString: x', ': x']) expect([text, kindOfNote(text)]).toEqual([text, undefined]);
});

it('counts clips by kind', () => {
  const counter = new NoteCounter();
  counter.add([noteOf('alpha', 'blended on white'), noteOf('damage', 'frame 3'), noteOf('damage', 'frame 4')]);
  counter.add([noteOf('damage', 'frame 5'), noteOf('hdr', 'PQ'), 'a text of another version']);
  expect(counter.lines()).toEqual([
    '1 clip: HDR without tone mapping (hdr; frames.toneMap: bt2390 in the recipe of a new run changes that)',
    '1 clip: transparency (alpha)',
    '2 clips: damage that the decoder filled (damage)',
  ]);
});
