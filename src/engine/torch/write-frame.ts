// Writes frames to a connection, as fast as the other end takes them.
import type { Socket } from 'node:net';
import type { LinkMessage } from './frames.ts';
import { encodeFrame } from './frames.ts';

/**
 * Writes a message.
 * @param socket - the connection
 * @param message - header and tensors
 * @returns once the other end has room for more, or has gone
 */
export async function writeFrame(socket: Socket, message: LinkMessage): Promise<void> {
  socket.cork();
  const hasRoom = encodeFrame(message)
    .map((part) => socket.write(part))
    .at(-1)!;
  socket.uncork();
  if (hasRoom) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      socket.off('drain', done).off('close', done);
      resolve();
    };
    socket.on('drain', done).on('close', done);
  });
}
