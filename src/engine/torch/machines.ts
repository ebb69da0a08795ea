// Several machines, as the first one has them: others come by themselves, show that they know the secret, and wait for what to do.
import { createServer } from 'node:net';
import { UserError, onAbort } from '../../core/index.ts';
import { freePort, interfaceOf, ownAddressOf, parseHostPort } from './addresses.ts';
import type { Placement } from './launch.ts';
import type { Machine } from './machine.ts';
import { createMachine } from './machine.ts';
import type { Peer } from './peer.ts';
import { openPeer } from './peer.ts';
import type { PythonFacts } from './python-facts.ts';

/** Several machines that compute together. */
export interface Machines {
  /** HOST:PORT that others connect to. */
  readonly address: string;
  /**
   * Waits until all are there, and have nothing to do.
   * @param facts - what the first one has: a machine that has something else is sent away
   * @returns the others, in an order that does not depend on who came first
   */
  gather: (facts: PythonFacts) => Promise<Machine[]>;
  /** Place of the first one, with a port that is free now. */
  place: () => Promise<Placement>;
  /**
   * Tells the others that there is nothing more to do, and closes the port.
   * @param error - why, where it is for an error
   */
  end: (error?: string) => Promise<void>;
}

/** How machines are opened. */
export interface MachinesOptions {
  /** How many there are, this one included. */
  nodes: number;
  /** HOST:PORT of this machine, as others reach it. */
  master: string;
  /** What others must know, too. */
  secret: string;
  /** Ends the waiting, with its reason. */
  signal?: AbortSignal;
  /** Is told who comes and goes. */
  onNote: (text: string) => void;
}

/**
 * Opens the port of the first machine.
 * @param options - address, how many
 * @throws UserError `bad-input` where the address is not this machine's, or the port is taken
 */
export async function openMachines({ nodes, master, secret, signal, onNote }: MachinesOptions): Promise<Machines> {
  const { host, port } = parseHostPort(master);
  const address = await ownAddressOf(host);
  const machines = new Set<Machine>();
  /** Called when a machine has come, or has nothing to do any more. */
  let onChange = (): void => {};
  const server = createServer((socket) => {
    let peer: Peer;
    let machine: Machine | null = null;
    const from = socket.remoteAddress;
    openPeer(
      socket,
      { side: 'first', secret },
      {
        onOpen: (opened) => (peer = opened),
        onMessage: (message) => {
          if (machine === null) {
            const { name, facts } = message.header as unknown as Machine;
            machine = createMachine(peer, { name, facts });
            machines.add(machine);
            onNote(`${name} (${peer.address}) has joined`);
          } else {
            machine.take(message);
          }
          onChange();
        },
        onEnd: (why, isStranger) => {
          if (isStranger) onNote(`a machine at ${from} was sent away: ${why}`);
          if (machine === null || !machines.delete(machine)) return;
          if (machine.state === 'free') onNote(`${machine.name} (${peer.address}) has gone: ${why}`);
          machine.lose(why);
        },
      },
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', ({ message }) => {
      reject(new UserError('bad-input', `--master: expected a port that is free, got ${port} (${message})`));
    });
    server.listen(port, address, resolve);
  });
  const sendAway = (machine: Machine, why: string): void => {
    machines.delete(machine);
    void machine.peer.send({ op: 'refused', why });
    machine.peer.close();
    onNote(`${machine.name} (${machine.peer.address}) was sent away: ${why}`);
  };
  return {
    address: `${address}:${port}`,
    gather: async (facts) => {
      let waitsFor = 0;
      for (;;) {
        for (const machine of machines) {
          const why = difference(facts, machine.facts);
          if (why !== null) sendAway(machine, why);
        }
        const free = [...machines].filter(({ state }) => state === 'free');
        if ([...machines].some(({ state }) => state === 'busy')) {
          throw new UserError(
            'not-supported',
            'several machines: expected models that share their settings, got others',
          );
        }
        const missing = nodes - 1 - free.length;
        if (missing <= 0) return free.toSorted(byAddress).slice(0, nodes - 1);
        if (missing !== waitsFor) onNote(`waiting at ${address}:${port} for ${missing} of ${nodes} machines`);
        waitsFor = missing;
        await changeOr(signal, (resolve) => (onChange = resolve));
      }
    },
    place: async () => ({
      nodes,
      node: 0,
      master: { address, port: await freePort(address) },
      networkInterface: interfaceOf(address)!,
    }),
    end: async (error) => {
      server.close();
      for (const { peer } of machines) {
        await peer.send({ op: 'over', ...(error === undefined ? {} : { why: error }) });
        peer.close();
      }
      machines.clear();
    },
  };
}

/** Ranks on other machines compute with the same versions on the same kind of device, or their numbers would differ. */
function difference(own: PythonFacts, other: PythonFacts): string | null {
  const described = [own, other].map(({ device, hasBfloat16, versions: { torch, transformers, peft } }) => {
    const type = hasBfloat16 ? 'bfloat16' : 'float32';
    return `torch ${torch}, transformers ${transformers}, peft ${peft} on ${device} with ${type}`;
  });
  return described[0] === described[1] ? null : `expected ${described[0]}, got ${described[1]}`;
}

const byAddress = (a: Machine, b: Machine): number => (keyOf(a) < keyOf(b) ? -1 : 1);
const keyOf = ({ peer, name }: Machine): string => `${peer.address} ${name}`;

/** Waits for a call, or throws a signal's reason. */
async function changeOr(signal: AbortSignal | undefined, wait: (resolve: () => void) => void): Promise<void> {
  let stop = (): void => {};
  try {
    await new Promise<void>((resolve, reject) => {
      wait(resolve);
      stop = onAbort(signal, () => reject(signal!.reason as Error));
      if (signal?.aborted === true) reject(signal.reason as Error);
    });
  } finally {
    stop();
  }
}
