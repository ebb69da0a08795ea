// Where each command of the README is run, as it stands there.
import { readDocument } from './markdown.ts';

/** Where a command is run: in a clone, or in an empty folder with the packed tarball. */
export type Place = 'clone' | 'global' | 'dependency';

/** A command of the README. */
export interface ReadmeCommand {
  /** As it stands there. */
  text: string;
  /** Its line, from 1. */
  line: number;
  /** Where it is run; null where it is not. */
  place: Place | null;
  /** Why it is not run. */
  reason?: string;
}

const places: readonly [RegExp, Place][] = [
  [/^npm ci$/, 'clone'],
  [/^npm run (?:-s iovqa -- |quickstart$|package$)/, 'clone'],
  [/^npm install -g .*\.tgz$/, 'global'],
  [/^npm install .*\.tgz$/, 'dependency'],
];

/** Commands that are not run, and why. */
const left: ReadonlyMap<string, string> = new Map([
  ['npm test', 'it is the suite itself; the gate runs it in a clean clone (.ci/run)'],
]);

/** The commands of the README's blocks, in their order. */
export function readmeCommands(): ReadmeCommand[] {
  return readDocument('README.md').blocks.flatMap(({ lines, line: opens }) =>
    lines.flatMap((text, i): ReadmeCommand[] => {
      if (text === '') return [];
      const line = opens + 1 + i;
      const reason = left.get(text);
      if (reason !== undefined) return [{ text, line, place: null, reason }];
      const place = places.find(([form]) => form.test(text))?.[1];
      if (place === undefined) throw new Error(`README.md:${line}: a command that no test runs: ${text}`);
      return [{ text, line, place }];
    }),
  );
}

/** What the README's table of forms says: how a command begins in each place. */
export function readmeForms(): Record<Place, string> {
  const forms = readDocument('README.md').spans.filter(({ text }) => text.endsWith(' …'));
  const form = (start: string): string => {
    const found = forms.find(({ text }) => text.startsWith(start));
    if (found === undefined) throw new Error(`README.md: expected a form that begins with ${start}`);
    return found.text.slice(0, -'…'.length);
  };
  return { clone: form('npm run'), global: form('iovqa '), dependency: form('npx ') };
}
