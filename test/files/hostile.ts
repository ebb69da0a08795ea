// Ways to spoil a sound file, and what must come of it: the reader takes it, or tells the user which file is wrong and why.
import fc from 'fast-check';
import { expect } from 'vitest';
import { UserError } from '../../src/core/index.ts';

/** One change of a parsed file's value number `at` (modulo their count), in the order in which they are written. */
interface JsonChange {
  at: number;
  kind: 'replace' | 'delete' | 'duplicate' | 'add' | 'rename';
  /** A JSON text. */
  value: string;
}

/** JSON texts that no writer means: wrong types, numbers out of range, names that lead astray, things too long or too deep. */
export const hostileTexts: readonly string[] = [
  ...String.raw`-1 0 1 0.5 7 1000000 1e9 9007199254740992 18446744073709551616 1e308 1e999 -1e999
    null true false [] {} [1,2,3] [null] [[]] {"a":{}} {"__proto__":{"length":1e9}}
    "" "0" "NaN" ".." "../../x.safetensors" "/dev/zero" "a\u0000b" "a\nb" "\ud800" "(a+)+$"
    "__proto__" "constructor" "toString" "I64" "F64" "{{x"`.split(/\s+/),
  `"${'x'.repeat(100_000)}"`,
  `${'['.repeat(150)}${']'.repeat(150)}`,
  `[${'0,'.repeat(100_000)}0]`,
];

/** Up to three changes of a parsed file. */
export const jsonChanges: fc.Arbitrary<JsonChange[]> = fc.array(
  fc.record({
    at: fc.nat(),
    kind: fc.constantFrom<JsonChange['kind']>('replace', 'replace', 'replace', 'delete', 'duplicate', 'add', 'rename'),
    value: fc.constantFrom(...hostileTexts),
  }),
  { minLength: 1, maxLength: 3 },
);

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;
const countValues = (json: unknown): number =>
  isObject(json) ? Object.values(json).reduce<number>((sum, value) => sum + countValues(value), 1) : 1;

/** @returns JSON text with the changes; a text, because an object cannot hold a key twice */
export function changedJson(json: unknown, changes: readonly JsonChange[]): string {
  const count = countValues(json);
  const byPlace = new Map(changes.map((change) => [change.at % count, change]));
  let place = 0;
  const write = (value: unknown): string => {
    const change = byPlace.get(place++);
    if (!isObject(value)) return change?.kind === 'replace' ? change.value : JSON.stringify(value);
    const parts = Object.entries(value).map(([key, item]): [string, string] => [JSON.stringify(key), write(item)]);
    const odd = (change?.at ?? 0) % Math.max(1, parts.length);
    const [first] = parts.slice(odd);
    if (change?.kind === 'replace') return change.value;
    if (change?.kind === 'delete') parts.splice(odd, 1);
    if (change?.kind === 'add') parts.push(['"__proto__"', change.value]);
    if (change?.kind === 'duplicate' && first !== undefined) parts.push([first[0], change.value]);
    if (change?.kind === 'rename' && first !== undefined && change.value.startsWith('"')) first[0] = change.value;
    if (Array.isArray(value)) return `[${parts.map(([, item]) => item).join()}]`;
    return `{${parts.map((part) => part.join(':')).join()}}`;
  };
  return write(json);
}

/** One change of a file's bytes at `at` (modulo their count). */
interface ByteChange {
  at: number;
  kind: 'set' | 'insert' | 'delete' | 'cut' | 'repeat';
  byte: number;
  length: number;
}

/** Up to five changes of bytes. */
export const byteChanges: fc.Arbitrary<ByteChange[]> = fc.array(
  fc.record({
    at: fc.nat(),
    kind: fc.constantFrom<ByteChange['kind']>('set', 'set', 'set', 'insert', 'delete', 'repeat', 'cut'),
    byte: fc.oneof(fc.nat(255), fc.constantFrom(...Buffer.from('{}[]",:\\0-9e'))),
    length: fc.integer({ min: 1, max: 40 }),
  }),
  { minLength: 1, maxLength: 5 },
);

/** @returns the bytes with the changes */
export function changedBytes(bytes: Buffer, changes: readonly ByteChange[]): Buffer {
  return changes.reduce((now, { at, kind, byte, length }) => {
    const start = at % Math.max(1, now.length);
    if (kind === 'cut') return now.subarray(0, start);
    const middle = {
      set: Buffer.from([byte]),
      insert: Buffer.alloc(length, byte),
      delete: Buffer.alloc(0),
      repeat: Buffer.concat([now.subarray(start, start + length), now.subarray(start, start + length)]),
    }[kind];
    const end = { set: 1, insert: 0, delete: length, repeat: length }[kind];
    return Buffer.concat([now.subarray(0, start), middle, now.subarray(start + end)]);
  }, bytes);
}

/**
 * Reads a spoilt file. It must be taken, or refused by a UserError of one line that names it, within a second of processor time.
 * @returns what was read; null when it was refused
 */
export async function readOrRefuse<T>(read: () => T | Promise<T>, name: string): Promise<{ value: T } | null> {
  const spent = cpuMs();
  try {
    return { value: await read() };
  } catch (error) {
    expectRefusal(error, name);
    return null;
  } finally {
    expect(spent()).toBeLessThan(1500);
  }
}

/** Expects a UserError of one line, of at most 2,000 characters, that names the file. */
export function expectRefusal(error: unknown, name: string): void {
  if (!(error instanceof UserError)) throw error;
  expect(['bad-checkpoint', 'not-supported']).toContain(error.code);
  expect(error.message).toContain(name);
  expect(error.message).not.toMatch(/[\p{Cc}\u2028\u2029]/u);
  expect(error.message.length).toBeLessThan(2000);
}

/** Runs something, and expects it not to have taken more memory at its height than 300 MB, nor more processor time than some seconds. */
export async function expectBounded(work: () => Promise<unknown>, seconds: number): Promise<void> {
  const before = Math.max(process.memoryUsage().rss / 1024, process.resourceUsage().maxRSS);
  const spent = cpuMs();
  await work();
  expect(spent()).toBeLessThan(1000 * seconds);
  expect((process.resourceUsage().maxRSS - before) / 1024).toBeLessThan(300);
}

/** Starts a watch of this process's processor time, which a busy machine does not lengthen as it does the clock's. */
export function cpuMs(): () => number {
  const before = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  };
}
