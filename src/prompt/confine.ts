// Work with what strangers wrote: their patterns must not hang the process, their templates neither hang it nor fill its memory.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { Script, createContext } from 'node:vm';

const context = createContext({ work: () => {} }) as { work: () => void };
const call = new Script('work()');

/**
 * Does work that may never end by itself, such as matching somebody's pattern. Costs about 0.1 ms.
 * @param ms - time after which it is stopped, in milliseconds
 * @param work - what to do; must not call this function
 * @returns its result
 * @throws Error when the time is over, and what the work throws
 */
export function withTimeLimit<T>(ms: number, work: () => T): T {
  let result: { value: T } | undefined;
  context.work = () => {
    result = { value: work() };
  };
  try {
    call.runInContext(context, { timeout: Math.ceil(ms) });
  } catch (cause) {
    // The runtime's own error is one of the context, where nothing is an instance of our Error.
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw cause;
    throw new Error(`more than ${Math.ceil(ms / 1000)} s of work`, { cause });
  }
  return result!.value;
}

/** Most memory of a template's values, in MB, and most time, in milliseconds. */
const MAX_MEMORY = 64;
const MAX_TIME = 1000;

// Plain JavaScript that needs no file of its own, so that it runs from source and from a package alike.
const child = `
const { Script } = require('node:vm');
const { Template } = require(process.argv[1]);
const { source, values } = JSON.parse(require('node:fs').readFileSync(0, 'utf8'));
globalThis.render = () => new Template(source).render(values);
let reply;
try {
  reply = { text: new Script('render()').runInThisContext({ timeout: ${MAX_TIME} }) };
} catch (error) {
  reply = { problem: String(error?.message).slice(0, 500) };
}
process.stdout.write(JSON.stringify(reply));
`;

/**
 * Renders a Jinja template in a process of its own, which is all that can be stopped when its memory grows: `range(10**9)` is a
 * list in one call. Costs about 0.1 s.
 * @param source - the template
 * @param values - what it is given
 * @param maxLength - most characters of the text
 * @returns the text
 * @throws Error that says in one line why there is none: the template's own error, 1 s, 64 MB, or a text that is too long
 */
export function renderApart(source: string, values: Record<string, unknown>, maxLength: number): string {
  const jinja = createRequire(import.meta.url).resolve('@huggingface/jinja');
  const result = spawnSync(process.execPath, [`--max-old-space-size=${MAX_MEMORY}`, '-e', child, jinja], {
    input: JSON.stringify({ source, values }),
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] },
    timeout: 20 * MAX_TIME, // for a machine on which even starting takes long
    killSignal: 'SIGKILL',
    maxBuffer: 10 * maxLength + 10_000,
  });
  const { error } = result as { error?: NodeJS.ErrnoException };
  const tooLong = new Error(`more than ${maxLength} characters of text`);
  if (error?.code === 'ENOBUFS') throw tooLong;
  if (error !== undefined) throw error;
  // Node.js aborts when its memory is full.
  if (result.signal === 'SIGABRT' || result.status === 134) throw new Error(`more than ${MAX_MEMORY} MB of memory`);
  if (result.status !== 0) {
    const complaint = result.stderr.trim().split('\n').at(-1) ?? '';
    throw new Error(
      `a process that ended with ${result.signal ?? `status ${result.status}`}: ${complaint.slice(0, 300)}`,
    );
  }
  const { text, problem } = JSON.parse(result.stdout) as { text?: string; problem?: string };
  if (text === undefined) throw new Error(problem);
  if (text.length > maxLength) throw tooLong;
  return text;
}
