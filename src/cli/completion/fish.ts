// Completion for fish, with what each word means.
import type { CommandWords } from './words.ts';

/** A text in single quotes of fish. */
const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

/**
 * Writes the script.
 * @param table - from `completionWords`
 */
export function fishCompletion(table: readonly CommandWords[]): string {
  const lines = table.flatMap(({ path, commands, flags, argument }) => {
    const here = `complete -c iovqa -n ${quoted(`__iovqa_at ${quoted(path.join(' '))}`)}`;
    const operands = Array.isArray(argument) ? [`${here} -f -a ${quoted(argument.join(' '))}`] : [];
    return [
      ...(argument === 'files' ? [] : [`${here} -f`]),
      ...operands,
      ...commands.map(({ name, about }) => `${here} -f -a ${name} -d ${quoted(about)}`),
      ...flags.map(({ name, about, value }) => {
        const known = Array.isArray(value) ? ` -x -a ${quoted(value.join(' '))}` : '';
        const wants = value === null ? '' : value === 'files' ? ' -r -F' : known === '' ? ' -x' : known;
        return `${here} -l ${name.slice(2)}${wants} -d ${quoted(about)}`;
      }),
    ];
  });
  const paths = table.filter(({ path }) => path.length > 0).map(({ path }) => quoted(path.join(' ')));
  const valued = table.flatMap(({ path, flags }) =>
    flags.flatMap(({ name, value }) => (value === null ? [] : [quoted(`${path.join(' ')}:${name}`)])),
  );
  return `# Completion of iovqa for fish, written by: iovqa completion fish

# Whether the words before the cursor lead to a command.
function __iovqa_at
    set -l commands ${paths.join(' ')}
    set -l valued ${valued.join(' ')}
    set -l at ''
    set -l skip 0
    for word in (commandline -opc)[2..-1]
        if test $skip = 1
            set skip 0
            continue
        end
        switch $word
            case '-*=*'
            case '-*'
                contains -- "$at:$word" $valued; and set skip 1
            case '*'
                set -l next (string trim -- "$at $word")
                contains -- $next $commands; and set at $next
        end
    end
    test "$at" = "$argv[1]"
end

${lines.join('\n')}
`;
}
