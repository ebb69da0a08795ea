// Sizes in bytes as people write them, in decimal units.
import { UserError, show } from './errors.ts';

const units: Readonly<Record<string, number>> = { B: 1, KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 };

/**
 * A size from words.
 * @param text - such as `50GB` or `800MB`; bytes where there is no unit
 * @param where - the option, for the message
 * @returns bytes
 * @throws UserError `bad-input` for other words
 */
export function parseSize(text: string, where = 'size'): number {
  const [, number, unit = 'B'] = /^(\d+(?:\.\d+)?)\s*([KMGT]?B)?$/i.exec(text) ?? [];
  const bytes = Math.round(Number(number) * units[unit.toUpperCase()]!);
  if (number !== undefined && Number.isSafeInteger(bytes)) return bytes;
  throw new UserError('bad-input', `${where}: expected one like 50GB or 800MB, got ${show(text)}`);
}

/**
 * A size as people say it, in decimal units.
 * @param bytes - at least 0
 * @returns such as `12.3 GB`
 */
export function formatSize(bytes: number): string {
  const [unit, factor] = Object.entries(units).findLast(([, factor]) => bytes >= factor) ?? ['B', 1];
  return `${Number((bytes / factor).toPrecision(3))} ${unit}`;
}
