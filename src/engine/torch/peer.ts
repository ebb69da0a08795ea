// A connection between two machines: each end proves that it knows the secret, which is never sent; then messages, and beats among them.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Socket } from 'node:net';
import { packageVersion } from '../../core/index.ts';
import type { LinkMessage, LinkTensor } from './frames.ts';
import { createFrameParser } from './frames.ts';
import { writeFrame } from './write-frame.ts';

/** Which end. */
export type Side = 'first' | 'other';

/** A connection whose other end has shown who it is. */
export interface Peer {
  /** Address of the other end. */
  readonly address: string;
  /** Own address. */
  readonly ownAddress: string;
  /**
   * Sends a message.
   * @returns once the system has taken all of it, or the connection has ended
   */
  send: (header: LinkMessage['header'], tensors?: readonly LinkTensor[]) => Promise<void>;
  /** Ends it, after what was sent. */
  close: () => void;
  /** Ends it at once, also where the other end does not answer any more. */
  drop: () => void;
}

/** What happens on a connection. */
export interface PeerEvents {
  /** The other end has shown who it is. */
  onOpen: (peer: Peer) => void;
  /** It has said something. */
  onMessage: (message: LinkMessage) => void;
  /** The connection has ended; `isStranger`: the other end runs another version, or does not know the secret. */
  onEnd: (why: string, isStranger: boolean) => void;
}

/** How long the other end has to show who it is, in ms. */
const TIME_TO_GREET = 60_000;
/** Each end says so often that it is there. An end that is silent for many beats has lost its network, or was stopped. */
const [BEAT_MS, SILENT_BEATS] = [2000, 60];

/** Why no connection comes about: the other end is not one of ours. */
class Stranger extends Error {}

/**
 * Greets the other end of a connection.
 * @param socket - connected
 * @param who - own end, and the secret
 * @param events - who is told
 */
export function openPeer(socket: Socket, who: { side: Side; secret: string }, events: PeerEvents): void {
  const nonce = randomBytes(32).toString('hex');
  const other = who.side === 'first' ? 'other' : 'first';
  const addresses = { address: socket.remoteAddress ?? '', ownAddress: socket.localAddress ?? '' };
  let given: string | null = null;
  let peer: Peer | null = null;
  let silent = 0;
  let why = 'its connection was closed';
  let isStranger = false;
  const send: Peer['send'] = async (header, tensors = []) => {
    if (socket.destroyed || socket.writableEnded) return;
    await writeFrame(socket, { header, tensors });
  };
  const prove = (side: Side, to: string, from: string): string =>
    createHmac('sha256', who.secret).update(`iovqa ${side} ${to} ${from}`).digest('hex');
  const greet = ({ header }: LinkMessage): void => {
    if (given === null) {
      if (header['op'] !== 'hello' || header['side'] !== other) throw new Stranger('it is no iovqa of the other kind');
      if (header['version'] !== packageVersion) {
        throw new Stranger(`expected iovqa ${packageVersion} on all machines, got ${String(header['version'])}`);
      }
      given = String(header['nonce']);
      void send({ op: 'proof', proof: prove(who.side, given, nonce) });
      return;
    }
    const [expected, got] = [prove(other, nonce, given), String(header['proof'])].map((text) => Buffer.from(text));
    if (expected!.length !== got!.length || !timingSafeEqual(expected!, got!)) {
      throw new Stranger('expected the same IOVQA_TOKEN on all machines, got another one');
    }
    socket.setTimeout(0);
    peer = { ...addresses, send, close: () => socket.end(), drop: () => socket.destroy() };
    events.onOpen(peer);
  };
  const parser = createFrameParser(() => peer !== null);
  const beat = setInterval(() => {
    if (peer === null) return;
    void send({ op: 'alive' });
    if (++silent <= SILENT_BEATS) return;
    why = `it has shown no sign of life for ${(SILENT_BEATS * BEAT_MS) / 1000} s`;
    socket.destroy();
  }, BEAT_MS);
  socket.setNoDelay(true);
  socket.setTimeout(TIME_TO_GREET, () => socket.destroy());
  socket.on('data', (chunk) => {
    silent = 0;
    if (isStranger) return;
    try {
      for (const message of parser.push(chunk)) {
        if (peer === null) greet(message);
        else if (message.header['op'] !== 'alive') events.onMessage(message);
      }
    } catch (error) {
      why = error instanceof Error ? error.message : String(error);
      isStranger = error instanceof Stranger;
      // What was sent as a greeting still goes: the other end is to see for itself what differs.
      if (peer === null) socket.end();
      else socket.destroy();
    }
  });
  socket.on('end', () => socket.end());
  socket.on('error', (error) => (why = error.message)); // it is closed next
  socket.on('close', () => {
    clearInterval(beat);
    events.onEnd(why, isStranger);
  });
  void send({ op: 'hello', side: who.side, version: packageVersion, nonce });
}
