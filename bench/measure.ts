// Runs a command and says what it took: wall time, peak resident memory (VmHWM), peak of its own memory (RssAnon), sampled ten times
// a second over the process and its children. Linux only.
// Usage: npx tsx bench/measure.ts [--json FILE] -- COMMAND ARGS…
import { spawn } from 'node:child_process';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';

/** Fields of /proc/PID/status in bytes; null when the process is gone. */
function memoryOf(pid: number): { parent: number; peak: number; resident: number; anonymous: number } | null {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0);
    const [peak, resident, anonymous] = ['VmHWM', 'VmRSS', 'RssAnon'].map((name) => field(name) * 1024);
    return { parent: field('PPid'), peak: peak!, resident: resident!, anonymous: anonymous! };
  } catch {
    return null;
  }
}

/** A process and all below it. */
function tree(root: number): number[] {
  const parents = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const memory = memoryOf(Number(name));
      return memory === null ? [] : [{ pid: Number(name), parent: memory.parent }];
    });
  const found = [root];
  for (const pid of found) found.push(...parents.filter(({ parent }) => parent === pid).map((entry) => entry.pid));
  return found;
}

const args = process.argv.slice(2);
const split = args.indexOf('--');
const [command, ...rest] = args.slice(split + 1);
const [flag, file] = args.slice(0, Math.max(split, 0));
if (command === undefined || (flag !== undefined && (flag !== '--json' || file === undefined))) {
  throw new Error('usage: npx tsx bench/measure.ts [--json FILE] -- COMMAND ARGS…');
}
const started = performance.now();
const child = spawn(command, rest, { stdio: ['ignore', 'inherit', 'inherit'] });
/** Largest of one process (the one that computes), and of all together. */
const peaks = { residentBytes: 0, anonymousBytes: 0, allAnonymousBytes: 0 };
const timer = setInterval(() => {
  let all = 0;
  for (const pid of tree(child.pid!)) {
    const memory = memoryOf(pid);
    if (memory === null) continue;
    all += memory.anonymous;
    peaks.residentBytes = Math.max(peaks.residentBytes, memory.peak);
    peaks.anonymousBytes = Math.max(peaks.anonymousBytes, memory.anonymous);
  }
  peaks.allAnonymousBytes = Math.max(peaks.allAnonymousBytes, all);
}, 100);
child.on('exit', (code) => {
  clearInterval(timer);
  const result = { seconds: (performance.now() - started) / 1000, code, ...peaks };
  const gb = (bytes: number): string => `${(bytes / 1e9).toFixed(2)} GB`;
  process.stderr.write(
    `${result.seconds.toFixed(1)} s, exit status ${code}; largest process: VmHWM ${gb(peaks.residentBytes)}, ` +
      `RssAnon ${gb(peaks.anonymousBytes)}; all processes: RssAnon ${gb(peaks.allAnonymousBytes)}\n`,
  );
  if (file !== undefined) writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`);
  process.exitCode = code ?? 1;
});
