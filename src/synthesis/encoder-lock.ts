// One SVT-AV1 encoder at a time. Two that open or close at once in a process corrupt its heap (node-av 6.1.1: four threads with 150 encodings
// each die of it in seconds), which is seen much later, if at all.
// A thread that is terminated while it holds the lock keeps it: let it end by itself.
import { setTimeout as delay } from 'node:timers/promises';

let lock = new Int32Array(new SharedArrayBuffer(4));

/**
 * The lock of this thread's encoders, for the threads that it starts: memory is not shared of itself.
 * @returns what they give to {@link shareEncoderLock}
 */
export function encoderLock(): SharedArrayBuffer {
  return lock.buffer;
}

/**
 * Makes this thread's encoders take turns with another's. Each thread that encodes AV1 calls it before the first.
 * @param shared - from {@link encoderLock} in the thread that started this one
 */
export function shareEncoderLock(shared: SharedArrayBuffer): void {
  lock = new Int32Array(shared);
}

/** Milliseconds between two looks at whether it is one's turn: an encoding takes ten and more. */
const LOOK = 2;

/**
 * Does something while no other thread does the like.
 * @param work - opens, uses and closes an encoder
 */
export async function takingTurns<T>(work: () => Promise<T>): Promise<T> {
  const held = lock;
  while (Atomics.compareExchange(held, 0, 0, 1) !== 0) await delay(LOOK);
  try {
    return await work();
  } finally {
    Atomics.store(held, 0, 0);
  }
}
