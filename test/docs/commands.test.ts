// Every command that the documents show exists, with its options: the commands of shell blocks and those in running text. That they
// work as they stand is for test/long/readme.test.ts, which runs those of the README.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { posix } from 'node:path';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { buildProgram } from '../../src/cli/program/index.ts';
import { Terminal } from '../../src/cli/terminal.ts';
import { recipeKeyNames } from '../../src/train/index.ts';
import type { Document } from './markdown.ts';
import { commandsOf, readDocument, root } from './markdown.ts';
import { readmeCommands, readmeForms } from './readme.ts';

const pages = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'SECURITY.md',
  'models/nano/README.md',
  ...['docs', 'docs/log', 'docs/studies'].flatMap((folder) =>
    readdirSync(`${root}/${folder}`)
      .filter((name) => name.endsWith('.md'))
      .map((name) => `${folder}/${name}`),
  ),
];
const documents = new Map<string, Document>(pages.map((page) => [page, readDocument(page)]));
const { scripts } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8')) as { scripts: Record<string, string> };

/** Commands of the system that blocks may use. */
const others = new Set([
  'mkdir',
  'head',
  'cp',
  'tar',
  'cd',
  'python3',
  '.',
  'pip',
  'export',
  'sbatch',
  'kubectl',
  'sky',
]);
/** What npm does by itself. */
const npm = new Set(['ci', 'install', 'test', 'pack', 'rebuild']);

/** The commands that do something, by the words that lead to them. */
function leaves(command: Command, path: readonly string[] = []): [string, Command][] {
  if (command.commands.length === 0) return [[path.join(' '), command]];
  return command.commands.flatMap((child) => leaves(child, [...path, child.name()]));
}

/** What is wrong with arguments of iovqa; null for nothing. Nothing is run. */
async function parse(args: readonly string[]): Promise<string | null> {
  const program = buildProgram(new Terminal(process));
  let said = '';
  const quiet = { writeErr: (text: string) => void (said += text), writeOut: (text: string) => void (said += text) };
  for (const [, command] of leaves(program)) {
    command.configureOutput(quiet).exitOverride();
    command.action(() => {});
  }
  program.configureOutput(quiet);
  try {
    await program.parseAsync([...args], { from: 'user' });
    return null;
  } catch {
    return said.split('\n')[0]!;
  }
}

/** The same where running text names a command, or leaves something out (`…`): the command and its options are there. */
function parseNamed(args: readonly string[]): string | null {
  let command = buildProgram(new Terminal(process));
  for (const arg of args) {
    const child = command.commands.find((one) => one.name() === arg);
    if (child === undefined) break;
    command = child;
  }
  if (command.commands.length > 0 && !/^--(?:help|version)$/.test(args.join(' ')))
    return `no command: ${args.join(' ')}`;
  const isThere = (flag: string): boolean => flag === '--help' || command.options.some(({ long }) => long === flag);
  const strange = args.filter((arg) => /^--[a-z]/.test(arg) && !isThere(arg));
  return strange.length === 0 ? null : `no option of ${command.name()}: ${strange.join(' ')}`;
}

/** The keys that `--set` is to set are there. */
function checkKeys(args: readonly string[]): string | null {
  const sets = args.filter((_, i) => args[i - 1] === '--set');
  const names = recipeKeyNames();
  // Below `data.train` stand columns of the table.
  const isKey = (key: string): boolean => names.some((name) => key === name || key.startsWith(`${name}.`));
  const strange = sets.filter((value) => !isKey(value.split('=')[0]!));
  return strange.length === 0 ? null : `no key of a recipe: ${strange.join(' ')}`;
}

/**
 * What is wrong with a command; null for nothing.
 * @param words - the command
 * @param isNamed - whether it stands in running text
 */
async function check([program, ...rest]: readonly string[], isNamed = false): Promise<string | null> {
  if (program === 'iovqa') {
    const keys = checkKeys(rest);
    if (keys !== null) return keys;
    return isNamed || rest.includes('…') ? parseNamed(rest) : parse(rest);
  }
  if (program === 'npx') {
    if (rest[0] === 'iovqa') return rest[1] === '…' ? null : check(rest, isNamed);
    if (rest[0] === 'tsx' && rest[1] === 'src/cli/bin.ts') return check(['iovqa', ...rest.slice(2)], isNamed);
    if (rest[0] === 'tsx') return existsSync(`${root}/${rest[1]}`) ? null : `no such file: ${rest[1]}`;
    if (rest[0] !== 'vitest' || rest[1] !== 'run') return `no program here: npx ${rest[0]}`;
    const strange = rest.slice(2).filter((word) => !word.startsWith('-') && !isTest(word));
    return strange.length === 0 ? null : `no such test: ${strange.join(' ')}`;
  }
  if (program === 'npm') {
    const [verb = '', script = ''] = rest.filter((word) => !word.startsWith('-'));
    if (verb === 'install' && !rest.includes('--ignore-scripts')) return 'install scripts of others would run';
    if (verb !== 'run') return npm.has(verb) ? null : `npm has no ${verb}`;
    if (scripts[script] === undefined) return `package.json has no script ${script}`;
    const own = rest.slice(rest.indexOf('--') + 1);
    // `npm run -s iovqa -- …` stands for all of them.
    return script === 'iovqa' && own.join(' ') !== '…' ? check(['iovqa', ...own], isNamed) : null;
  }
  return others.has(program!) ? null : `an unknown program: ${program}`;
}

/** Whether vitest finds tests by a path, or the beginning of one. */
const isTest = (path: string): boolean => {
  const folder = posix.dirname(path);
  return (
    existsSync(`${root}/${path}`) ||
    (existsSync(`${root}/${folder}`) &&
      readdirSync(`${root}/${folder}`).some((name) => name.startsWith(posix.basename(path))))
  );
};

/** What is wrong in a page, each with its line. */
async function problemsOf(page: string): Promise<string[]> {
  const { blocks, spans } = documents.get(page)!;
  const found: string[] = [];
  for (const { language, lines, line } of blocks) {
    if (language !== 'sh') continue;
    for (const words of commandsOf(lines)) {
      const problem = await check(words);
      if (problem !== null) found.push(`${page}:${line}: ${words.join(' ')}: ${problem}`);
    }
  }
  for (const { text, line } of spans) {
    if (!/^(?:[A-Z_]+=\S+ )*(?:iovqa|npm|npx) [^…]/.test(text)) continue;
    const [words] = commandsOf([text]);
    const problem = await check(words!, true);
    if (problem !== null) found.push(`${page}:${line}: ${text}: ${problem}`);
  }
  return found;
}

describe('commands of the documents', () => {
  it.each(pages)('%s shows none that is not there', async (page) => {
    expect(await problemsOf(page)).toEqual([]);
  });

  it('of the README are run by test/long/readme.test.ts, or it says why not', () => {
    const commands = readmeCommands(); // throws at one that has no place
    expect(commands.length).toBeGreaterThan(8);
    expect(readDocument('README.md').blocks.filter(({ language }) => language !== 'sh')).toEqual([]);
    expect(readmeForms()).toEqual({ clone: 'npm run -s iovqa -- ', global: 'iovqa ', dependency: 'npx iovqa ' });
  });

  it('and one that is not there would be found', async () => {
    for (const [line, problem] of [
      ['iovqa trian --out x', "unknown command 'trian'"],
      ['iovqa score --wiht runs/first', "unknown option '--wiht'"],
      ['iovqa export runs/first', "required option '--to <folder>'"],
      ['iovqa export … --form adapter', 'no option of export: --form'],
      ['iovqa train --set lora.rnk=3', 'no key of a recipe'],
      ['npm run -s iovqa -- doktor', "unknown command 'doktor'"],
      ['npm install -g ./iovqa-*.tgz', 'install scripts of others would run'],
      ['npm run nothing', 'package.json has no script nothing'],
      ['npx vitest run test/none', 'no such test: test/none'],
      ['npx tsx bench/none.ts', 'no such file: bench/none.ts'],
      ['X=1 wget x', 'an unknown program: wget'],
    ] as const) {
      expect(await check(commandsOf([line])[0]!)).toContain(problem);
    }
  });

  it.each(['score', 'ensemble', 'evaluate', 'compare', 'quickstart'])(
    'the table of options of %s lists them all',
    (name) => {
      const [, command] = leaves(buildProgram(new Terminal(process))).find(([path]) => path === name)!;
      const listed = readFileSync(`${root}/docs/${name}.md`, 'utf8').matchAll(/^\|([^|]*`--[^|]*)\|/gm);
      const told = [...listed].flatMap(([, cell]) => [...cell!.matchAll(/`(--[a-z-]+)/g)].map(([, flag]) => flag!));
      const [, check] = leaves(buildProgram(new Terminal(process))).find(([path]) => path === 'data check')!;
      // The options of tables are in docs/data.md.
      const ofTables = new Set(check.options.map(({ long }) => long!).filter((flag) => flag !== '--json'));
      const own = command.options.filter(({ hidden }) => !hidden).map(({ long }) => long!);
      const isTold = (flag: string): boolean => told.includes(flag);
      const isFree = (flag: string): boolean => ofTables.has(flag) && !['--sandbox', '--workers'].includes(flag);
      expect(own.filter((flag) => !isTold(flag) && !isFree(flag))).toEqual([]);
      expect(told.filter((flag) => !own.includes(flag))).toEqual([]);
    },
  );
});

describe('documents', () => {
  it('have no marks of a merge that went wrong, also as prettier formats them', () => {
    for (const page of pages) {
      const text = readFileSync(`${root}/${page}`, 'utf8');
      expect([page, /^(?:<{7} |>{7} |(?:> ){6}>|(?:\| )?={7}(?: \||$))/m.exec(text)?.[0]]).toEqual([page, undefined]);
    }
  });
});

describe('links of the documents', () => {
  it.each(pages)('%s leads to what is there', (page) => {
    const broken = documents.get(page)!.links.filter(({ text }) => {
      if (/^https?:/.test(text)) return false;
      const [path = '', anchor] = text.split('#');
      const target = path === '' ? page : posix.normalize(posix.join(posix.dirname(page), path));
      if (!existsSync(`${root}/${target}`)) return true;
      return anchor !== undefined && !(documents.get(target) ?? readDocument(target)).anchors.has(anchor);
    });
    expect(broken.map(({ text, line }) => `${page}:${line}: ${text}`)).toEqual([]);
  });
});
