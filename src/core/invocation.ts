// How commands of ours are named in messages: in the form in which this process was started, so that they can be copied.

/**
 * A command line of iovqa.
 * @param args - what stands behind the program's name, such as `models pull ORG/NAME`; names of files through {@link shellWord}
 * @param entry - the script that Node.js was started with; default: this process's
 * @returns `npm run -s iovqa -- …` in a checkout, `npx iovqa …` where it is a dependency, else `iovqa …`
 */
export function commandLine(args: string, entry: string = process.argv[1] ?? ''): string {
  const path = entry.replaceAll('\\', '/');
  if (/(?:^|\/)src\/cli\/bin\.ts$/.test(path)) return `npm run -s iovqa -- ${args}`;
  const isOurs = /(?:^|\/)iovqa(?:\.\w+)?$|\/iovqa\/dist\/cli\/bin\.js$/.test(path);
  const isInstalled = isOurs && !path.includes('/node_modules/.bin/');
  return `${isInstalled ? '' : 'npx '}iovqa ${args}`;
}

/**
 * A word as a shell takes it: in single quotes where it needs some.
 * @param word - such as a path
 */
export function shellWord(word: string): string {
  return /^[\w./=:@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
