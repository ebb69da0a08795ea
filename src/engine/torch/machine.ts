// Another machine as the first one has it: what it is told to start, and what its processes say through its connection.
import { invariant } from '../../core/index.ts';
import type { LinkMessage } from './frames.ts';
import type { Placement } from './launch.ts';
import type { Peer } from './peer.ts';
import type { PythonFacts } from './python-facts.ts';
import type { Team, TeamEvents, TeamOptions } from './team.ts';
import { TIME_TO_END } from './team.ts';

/** What another machine says of itself when it comes. */
export interface MachineFacts {
  /** Its name, for people. */
  name: string;
  /** What its Python has. */
  facts: PythonFacts;
}

/** What another machine is told to start; threads of 0: by its cores. */
export interface TeamOrder extends Pick<TeamOptions, 'first' | 'ranks' | 'device' | 'threads'> {
  /** Number of the team: what comes late from one before it has another. */
  team: number;
  /** Its place; it knows its network interface itself. */
  placement: Omit<Placement, 'networkInterface'>;
}

/** Another machine, as long as its connection lasts. */
export interface Machine extends MachineFacts {
  /** Its connection. */
  readonly peer: Peer;
  /** Whether processes are wanted of it, still end, or are none. */
  readonly state: 'busy' | 'ending' | 'free';
  /** Has it start processes. */
  start: (order: Omit<TeamOrder, 'team'>, events: TeamEvents) => Team;
  /** Takes a message of its. */
  take: (message: LinkMessage) => void;
  /** Its connection has ended. */
  lose: (why: string) => void;
}

/** Processes that run there. */
interface Running {
  team: number;
  first: number;
  events: TeamEvents;
  /** The last lines of ranks that have ended. */
  said: Map<number, string>;
  /** Whether they are to end. */
  isWanted: boolean;
  /** They have ended. */
  end: () => void;
}

/**
 * A machine that has come.
 * @param peer - its connection
 * @param about - what it says of itself
 */
export function createMachine(peer: Peer, about: MachineFacts): Machine {
  let running: Running | null = null;
  let teams = 0;
  return {
    ...about,
    peer,
    get state() {
      if (running === null) return 'free';
      return running.isWanted ? 'busy' : 'ending';
    },
    start: ({ first, ranks, ...order }, events) => {
      invariant(running === null, `a second team on ${about.name}`);
      const said = new Map<number, string>();
      const team = ++teams;
      let own: Running;
      const hasEnded = new Promise<void>((end) => (own = running = { team, first, events, said, isWanted: true, end }));
      const stop = (now: boolean): void => {
        own.isWanted = false;
        if (running === own) void peer.send({ op: 'stop', now });
      };
      void peer.send({ op: 'start', team, first, ranks, ...order });
      return {
        first,
        ranks,
        machine: `${about.name} (${peer.address})`,
        send: (rank, header, tensors) => peer.send({ op: 'tell', rank, header }, tensors),
        said: (rank) => Promise.resolve(said.get(rank) ?? ''),
        keepLogs: () => Promise.resolve([]),
        kill: () => stop(true),
        [Symbol.asyncDispose]: async () => {
          stop(false);
          // A machine that does not answer any more is let go; it comes back by itself.
          const timer = setTimeout(peer.drop, 2 * TIME_TO_END);
          await hasEnded;
          clearTimeout(timer);
        },
      };
    },
    take: ({ header, tensors }) => {
      const { op, rank } = header as { op: string; rank: number };
      if (running === null || header['team'] !== running.team) return; // of processes that have ended
      if (op === 'told') running.events.onMessage(rank, { header: header['header'] as LinkMessage['header'], tensors });
      if (op === 'ended') {
        running.said.set(rank, String(header['said']));
        running.events.onEnd(rank, String(header['why']));
      }
      if (op !== 'stopped') return;
      running.end();
      running = null;
    },
    lose: (why) => {
      running?.events.onEnd(running.first, `its machine was lost: ${why}`);
      running?.end();
      running = null;
    },
  };
}
