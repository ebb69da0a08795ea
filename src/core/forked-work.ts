// Work in a process of its own: one module calls, the other serves; they speak by messages, and end together.
import { UserError } from './errors.ts';
import type { UserErrorCode } from './errors.ts';
import { forkModule } from './fork-module.ts';

/** What the caller sends: the work, and later perhaps that it is to stop. */
type Order<Work> = { type: 'work'; work: Work } | { type: 'stop' };

/** What the worker answers: any number of `told`, then `done` or `failed`. */
type Reply<Told> =
  | { type: 'told'; told: Told }
  | { type: 'done' }
  | { type: 'failed'; code: UserErrorCode | null; message: string; hint?: string | undefined };

/** Does work, tells how it goes on, and stops where the signal says so. */
export type DoWork<Work, Told> = (work: Work, tell: (told: Told) => void, signal: AbortSignal) => Promise<void>;

/** How work is called. */
export interface ForkedWorkOptions<Told> {
  /** Is told how the work goes on. */
  onTold: (told: Told) => void;
  /** Asks the work to stop where it can go on later. */
  signal?: AbortSignal | undefined;
}

/**
 * Has work done by a module that calls {@link serveForkedWork}. It ends with this process, however that ends.
 * @param from - `import.meta.url` of the caller
 * @param name - the module relative to it, without its ending
 * @param work - what is to be done; plain data
 * @param options - who is told, and what stops it
 * @throws UserError of the work; the signal's reason once the work has stopped
 */
export async function callForkedWork<Told>(
  from: string,
  name: string,
  work: unknown,
  { onTold, signal }: ForkedWorkOptions<Told>,
): Promise<void> {
  signal?.throwIfAborted();
  const child = forkModule(from, name);
  const send = (order: Order<unknown>): void => {
    if (child.connected) child.send(order);
  };
  let complaint = '';
  child.stderr!.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-2000);
  });
  const stop = (): void => send({ type: 'stop' });
  signal?.addEventListener('abort', stop, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      let isDone = false;
      let error: unknown;
      child.on('message', (reply: Reply<Told>) => {
        if (reply.type === 'told') onTold(reply.told);
        else if (reply.type === 'done') isDone = true;
        else if (reply.code === null) error = new Error(reply.message);
        else error = new UserError(reply.code, reply.message, reply.hint === undefined ? {} : { hint: reply.hint });
      });
      child.once('error', (thrown) => {
        error ??= thrown;
        if (child.pid === undefined) reject(thrown); // it never began
      });
      // Only when it has ended: until then it holds its locks.
      child.once('close', (code, killedBy) => {
        if (signal?.aborted === true) reject(signal.reason);
        else if (isDone) resolve();
        else reject(error ?? new Error(`it ended with ${killedBy ?? `exit status ${code}`}: ${complaint.trim()}`));
      });
      send({ type: 'work', work });
    });
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

/**
 * Makes this process one that does the work of {@link callForkedWork}, once.
 * @param run - does it
 * @param asUserError - the user's fault that an error stands for, such as a full disk; null where it is none
 */
export function serveForkedWork<Work, Told>(
  run: DoWork<Work, Told>,
  asUserError: (thrown: unknown) => UserError | null,
): void {
  const stopped = new AbortController();
  const send = (reply: Reply<Told>): void => {
    if (process.connected) process.send!(reply);
  };
  process.on('disconnect', () => process.exit());
  // Ctrl-C reaches every process of a terminal, and SIGTERM often every process of a job: the caller says what they mean.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => {});
  process.on('message', (order: Order<Work>) => {
    if (order.type === 'stop') {
      stopped.abort(new Error('stopped'));
      return;
    }
    void run(order.work, (told) => send({ type: 'told', told }), stopped.signal)
      .then(
        (): Reply<Told> => ({ type: 'done' }),
        (thrown: unknown): Reply<Told> => {
          const error = asUserError(thrown) ?? thrown;
          if (error instanceof UserError) {
            return { type: 'failed', code: error.code, message: error.message, hint: error.hint };
          }
          const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
          return { type: 'failed', code: null, message };
        },
      )
      .then((reply) => {
        send(reply);
        process.disconnect();
      });
  });
}
