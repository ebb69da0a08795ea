// Another machine than the first: connects to it, starts the processes that it asks for, and comes back where it has lost it.
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError, onAbort } from '../../core/index.ts';
import { interfaceOf, parseHostPort } from './addresses.ts';
import type { MachineFacts, TeamOrder } from './machine.ts';
import type { LinkMessage } from './frames.ts';
import type { Peer } from './peer.ts';
import { openPeer } from './peer.ts';
import { askPython, findPython, requirePackages, requirePlatform } from './python.ts';
import type { Team } from './team.ts';
import { startTeam, threadsOf } from './team.ts';

/** How a machine joins others. */
export interface JoinOptions {
  /** HOST:PORT of the first machine. */
  master: string;
  /** What the first one must know, too. */
  secret: string;
  /** Path or command of the Python; default: as {@link findPython} says. */
  python?: string | undefined;
  /** Ends it, with its reason: at once, or, where it computes for a run, with that run. */
  signal?: AbortSignal;
  /** Is told what happens. */
  onNote: (text: string) => void;
}

/** Between attempts to connect, in ms. */
const PAUSE = 2000;

/** How a connection ended. */
interface Ending {
  /** Whether the first machine has said that there is nothing more to do. */
  isOver: boolean;
  /** The error that the first machine ended with, or why the connection was lost; empty for none. */
  why: string;
}

/**
 * Computes for the first machine until that says that there is nothing more to do. Where the connection is lost, or not possible yet,
 * it is tried again, without end.
 * @param options - address, secret, Python
 * @returns the error that the first machine has ended with; null for none
 * @throws UserError `not-supported` where Python or a package is missing, and where the first machine sends this one away
 */
export async function joinMachines(options: JoinOptions): Promise<string | null> {
  const { master, signal, onNote } = options;
  const { host, port } = parseHostPort(master);
  requirePlatform();
  const facts = await askPython(findPython(options.python));
  requirePackages(facts);
  let told = '';
  for (;;) {
    signal?.throwIfAborted();
    const socket = connect({ host, port, family: 4 });
    const { isOver, why } = await serve(socket, { name: hostname(), facts }, options);
    if (isOver) return why === '' ? null : why;
    if (why !== told) onNote(`${master}: ${why}; it is tried again until the first machine is there`);
    told = why;
    await sleep(PAUSE, undefined, { signal }).catch(() => {});
  }
}

/** Does what the first machine wants, as long as a connection lasts; then no process is left. */
async function serve(socket: Socket, about: MachineFacts, options: JoinOptions): Promise<Ending> {
  const { signal, secret, onNote, master } = options;
  let work: Work | null = null;
  // The same signal may have gone to all machines, as Slurm sends it: the first one is to leave a checkpoint, for which it needs this one.
  const stopWaiting = onAbort(signal, () => {
    if (work === null) socket.destroy();
  });
  try {
    await once(socket, 'connect', { signal });
  } catch (error) {
    socket.destroy();
    stopWaiting();
    return { isOver: false, why: error instanceof Error ? error.message : String(error) };
  }
  let peer: Peer;
  let ending: Ending | null = null;
  let refusal: UserError | null = null;
  await new Promise<void>((resolve) => {
    openPeer(
      socket,
      { side: 'other', secret },
      {
        onOpen: (opened) => {
          peer = opened;
          void peer.send({ op: 'join', ...about });
          onNote(`joined ${master}`);
        },
        onMessage: ({ header, tensors }) => {
          const { op, rank, why } = header as { op: string; rank: number; why?: string };
          if (op === 'start') work = startWork(peer, about.facts.python, header as unknown as TeamOrder);
          if (op === 'tell') work?.tell(rank, { header: header['header'] as LinkMessage['header'], tensors });
          if (op === 'stop') void work?.stop(header['now'] === true);
          if (op === 'over') ending = { isOver: true, why: why ?? '' };
          if (op === 'refused') refusal = new UserError('not-supported', `${master}: ${why}`);
        },
        onEnd: (why, isStranger) => {
          ending ??= { isOver: false, why };
          if (isStranger) refusal ??= new UserError('not-supported', `${master}: ${why}`);
          void Promise.resolve(work?.stop(true)).then(resolve);
        },
      },
    );
  });
  stopWaiting();
  if (refusal !== null) throw refusal as UserError;
  return ending!;
}

/** The processes of this machine, while they are wanted. */
interface Work {
  tell: (rank: number, message: LinkMessage) => void;
  /** Ends them, at once or as they end by themselves; once more is the same end. */
  stop: (now: boolean) => Promise<void>;
}

function startWork(peer: Peer, python: string, { team: number, threads, placement, ...order }: TeamOrder): Work {
  let team: Team | null = null;
  const networkInterface = interfaceOf(peer.ownAddress)!;
  const options = { ...order, python, placement: { ...placement, networkInterface } };
  const tellEnd = async (rank: number, why: string): Promise<void> => {
    await peer.send({ op: 'ended', team: number, rank, why, said: (await team?.said(rank)) ?? '' });
  };
  const isStarted = startTeam(
    { ...options, threads: threads === 0 ? threadsOf(order.ranks) : threads },
    {
      onMessage: (rank, { header, tensors }) => void peer.send({ op: 'told', team: number, rank, header }, tensors),
      onEnd: (rank, why) => void tellEnd(rank, why),
    },
  ).then(
    (started) => (team = started),
    (error: unknown) => tellEnd(order.first, String(error)),
  );
  let stopped: Promise<void> | null = null;
  return {
    tell: (rank, { header, tensors }) => void team?.send(rank, header, tensors),
    stop: async (now) => {
      await isStarted;
      if (now) team?.kill();
      stopped ??= Promise.resolve(team?.[Symbol.asyncDispose]());
      await stopped;
      await peer.send({ op: 'stopped', team: number });
    },
  };
}
