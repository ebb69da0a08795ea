// Completion as the shells do it. Each script runs in its shell, where that is installed.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { bashCompletion } from '../../src/cli/completion/bash.ts';
import { fishCompletion } from '../../src/cli/completion/fish.ts';
import type { CommandWords } from '../../src/cli/completion/words.ts';
import { completionWords } from '../../src/cli/completion/words.ts';
import { zshCompletion } from '../../src/cli/completion/zsh.ts';
import { buildProgram } from '../../src/cli/program/index.ts';
import { Terminal } from '../../src/cli/terminal.ts';

const folder = mkdtempSync(join(tmpdir(), 'iovqa-completion-'));
afterAll(() => rmSync(folder, { recursive: true }));
writeFileSync(join(folder, 'clip one.mp4'), '');

const table = completionWords(buildProgram(new Terminal(process)), (_, flag) =>
  flag === '--set' ? ['lora.rank=', 'lora.alpha=', 'epochs='] : undefined,
);

/** What a shell offers for a command line, at its end. */
type Complete = (script: string, words: readonly string[]) => string[];

const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '');
const run = (shell: string, args: readonly string[]): string =>
  execFileSync(shell, args, { cwd: folder, encoding: 'utf8' });

const shells: Record<string, { write: (table: readonly CommandWords[]) => string; complete: Complete }> = {
  bash: {
    write: bashCompletion,
    complete: (script, words) => {
      // As readline gives them: "=" is a word of its own.
      const split = words.flatMap((word) => (word.startsWith('--') ? word.split(/(?<==)|(?==)/) : [word]));
      const code = `source "$1"; shift; COMP_WORDS=(iovqa "$@"); COMP_CWORD=$#; _iovqa; printf '%s\\n' "\${COMPREPLY[@]}"`;
      return lines(run('bash', ['--norc', '-c', code, 'bash', script, ...split]));
    },
  },
  zsh: {
    write: zshCompletion,
    complete: (script, words) => {
      const code = `
        compdef() { : }
        compset() { [[ $words[CURRENT] == *=* ]] && prefix=\${words[CURRENT]#*=} }
        _describe() { print -rl -- \${(P)2} | sed 's/:.*//' }
        _files() { print -rl -- * }
        compadd() { while [[ $1 != -- ]]; do shift; done; shift; (( $# )) && print -rl -- "$@" }
        source "$1"; shift
        words=(iovqa "$@"); CURRENT=$#words; prefix=$words[-1]
        offered=$(_iovqa); compset; print -rl -- \${(M)\${(f)offered}:#$prefix*}`;
      return lines(run('zsh', ['-f', '-c', code, 'zsh', script, ...words]));
    },
  },
  fish: {
    write: fishCompletion,
    complete: (script, words) =>
      lines(run('fish', ['--no-config', '-c', `source ${script}; complete -C "iovqa ${words.join(' ')}"`])).map(
        (line) => line.split('\t')[0]!.replace(/^--[\w-]+=/, ''),
      ),
  },
};

describe('the words of the program', () => {
  it('are its commands, their flags and what stands behind them', () => {
    const at = (path: string): CommandWords => table.find((words) => words.path.join(' ') === path)!;
    expect(at('').commands.map(({ name }) => name)).toContain('quickstart');
    expect(at('data').commands[0]).toEqual({ name: 'check', about: expect.stringMatching(/^Check/) });
    const flag = (path: string, name: string) => at(path).flags.find((one) => one.name === name)?.value;
    expect(flag('export', '--format')).toEqual(['merged', 'adapter']);
    expect(flag('train', '--set')).toContain('lora.rank=');
    expect(flag('score', '--with')).toBe('files');
    expect(flag('score', '--prompt')).toBe('anything');
    expect(flag('score', '--json')).toBeNull();
    expect([at('score').argument, at('models pull').argument, at('doctor').argument]).toEqual([
      'files',
      'anything',
      null,
    ]);
  });
});

for (const [name, { write, complete }] of Object.entries(shells)) {
  const found = spawnSync(name, ['-c', 'true']).status === 0;
  describe.skipIf(!found)(`${name}${found ? '' : ' (skipped: not installed)'}`, () => {
    const script = join(folder, `iovqa.${name}`);
    writeFileSync(script, write(table));
    const offered = (...words: string[]): string[] => complete(script, words).sort();

    it('completes commands', () => {
      expect(offered('tr')).toEqual(['train']);
      expect(offered('data', 'ch')).toEqual(['check']);
      expect(offered('train', '--manifest', 'data', '')).not.toContain('check');
    });

    it('completes flags', () => {
      expect(offered('export', '--f')).toEqual(['--format']);
      expect(offered('score', 'data', '--wi')).toEqual(['--with']);
    });

    it('completes values', () => {
      expect(offered('export', '--format', '')).toEqual(['adapter', 'merged']);
      expect(offered('export', '--format=m')).toEqual(['merged']);
      expect(offered('train', '--manifest', 'x', '--set', 'lora.')).toEqual(['lora.alpha=', 'lora.rank=']);
      expect(offered('completion', '')).toEqual(['bash', 'fish', 'zsh']);
    });

    it('leaves names of files to the shell', () => {
      // bash itself completes them where the script offers nothing.
      const files = name === 'bash' ? [] : ['clip one.mp4'];
      const plain = (names: readonly string[]): string[] => names.map((file) => file.replace('\\', ''));
      expect(plain(offered('score', 'cl'))).toEqual(files);
      expect(plain(offered('score', '--with', 'cl'))).toEqual(files);
    });
  });
}
