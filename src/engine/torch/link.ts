// The connections of the workers: a server on the loopback address, which lets in who knows the token, each rank once.
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { invariant } from '../../core/index.ts';
import type { LinkMessage, LinkTensor } from './frames.ts';
import { createFrameParser } from './frames.ts';
import { writeFrame } from './write-frame.ts';

/** What happens on the connections. */
export interface LinkEvents {
  /** A rank has said something beside `hello`. */
  onMessage: (rank: number, message: LinkMessage) => void;
  /** A rank's connection has ended. */
  onEnd: (rank: number, why: string) => void;
}

/** The connections of the workers. */
export interface LinkServer {
  /** HOST:PORT that workers connect to. */
  readonly address: string;
  /** What they prove themselves with. */
  readonly token: string;
  /**
   * Sends a message to a rank that is connected.
   * @returns once the system has taken all of it
   */
  send: (rank: number, header: LinkMessage['header'], tensors?: readonly LinkTensor[]) => Promise<void>;
  /** Ends all connections and the server. */
  close: () => void;
}

/**
 * Opens a server.
 * @param first - lowest rank that connects to it
 * @param count - how many do
 * @param events - who is told
 */
export async function openLinkServer(first: number, count: number, events: LinkEvents): Promise<LinkServer> {
  const token = randomBytes(32).toString('hex');
  const ranks = new Map<number, Socket>();
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.setNoDelay(true);
    socket.setMaxListeners(0); // one for each message that waits until it can be sent
    const parser = createFrameParser();
    let rank: number | null = null;
    let why = 'its connection was closed';
    socket.on('data', (chunk) => {
      try {
        for (const message of parser.push(chunk)) {
          if (rank === null) {
            rank = greeted(message, token);
            const isExpected = rank >= first && rank < first + count && !ranks.has(rank);
            invariant(isExpected, `an unexpected rank ${rank}`);
            ranks.set(rank, socket);
          } else {
            events.onMessage(rank, message);
          }
        }
      } catch (error) {
        why = error instanceof Error ? error.message : String(error);
        socket.destroy();
      }
    });
    socket.on('error', () => {}); // it is closed next
    socket.on('close', () => {
      open.delete(socket);
      if (rank === null || ranks.get(rank) !== socket) return;
      ranks.delete(rank);
      events.onEnd(rank, why);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    token,
    send: async (rank, header, tensors = []) => {
      const socket = ranks.get(rank);
      if (socket === undefined) return; // whoever waits for its answer is told that it has gone
      await writeFrame(socket, { header, tensors });
    },
    close: () => {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}

function greeted({ header }: LinkMessage, token: string): number {
  const given = Buffer.from(String(header['token']));
  const own = Buffer.from(token);
  if (header['op'] !== 'hello' || given.length !== own.length || !timingSafeEqual(given, own)) {
    throw new Error('a connection without the token');
  }
  return Number(header['rank']);
}
