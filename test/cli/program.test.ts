import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { examples } from '../../src/cli/program/examples.ts';
import { buildProgram } from '../../src/cli/program/index.ts';
import { Terminal } from '../../src/cli/terminal.ts';

/** The commands that do something, by the words that lead to them. */
function commandsOf(command: Command, path: readonly string[] = []): [string, Command][] {
  if (command.commands.length === 0) return [[path.join(' '), command]];
  return command.commands.flatMap((child) => commandsOf(child, [...path, child.name()]));
}

const withoutShell = (line: string): string[] => {
  const [, words = ''] = /^(?:source <\()?iovqa ([^>)]*)/.exec(line) ?? [];
  return words.trim().split(' ');
};

describe('help', () => {
  const names = commandsOf(buildProgram(new Terminal(process))).map(([name]) => name);

  it('has examples of every command, and of no other', () => {
    expect(Object.keys(examples).sort()).toEqual([...names].sort());
  });

  it('shows the two examples of a command, in the form in which it was started', () => {
    const [, command] = commandsOf(buildProgram(new Terminal(process))).find(([name]) => name === 'score')!;
    let text = '';
    command.configureOutput({ writeOut: (part) => (text += part) }).outputHelp();
    expect(text).toMatch(/\nExamples:\n {2}npx iovqa score clip\.mp4\n {2}npx iovqa score clips\/ --with/);
  });

  for (const [name, lines] of Object.entries(examples)) {
    it(`has examples of ${name} that it reads`, async () => {
      for (const line of lines) {
        const program = buildProgram(new Terminal(process));
        const called: string[] = [];
        for (const [path, command] of commandsOf(program)) command.action(() => void called.push(path));
        await program.parseAsync(withoutShell(line), { from: 'user' });
        expect([line, called]).toEqual([line, [name]]);
      }
    });
  }
});
