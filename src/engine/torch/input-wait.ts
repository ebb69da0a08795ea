// How long workers waited for input: seconds between messages that compute, added up over all ranks.
import type { InputWait } from '../types.ts';
import type { World } from './world.ts';

/** Adds up what answers say of waiting. */
export interface WaitMeter {
  /** The world, whose answers are looked at on their way. */
  world: World;
  /** So far. */
  read: () => InputWait;
}

/**
 * Makes a meter.
 * @param world - the workers
 */
export function meterWait(world: World): WaitMeter {
  const total = { waited: 0, elapsed: 0 };
  const ask: World['ask'] = async (...question) => {
    const answer = await world.ask(...question);
    const { waited = 0, elapsed = 0 } = answer.header as Partial<InputWait>;
    total.waited += waited;
    total.elapsed += elapsed;
    return answer;
  };
  return {
    read: () => ({ ...total }),
    world: {
      ...world,
      get isRunning() {
        return world.isRunning;
      },
      ask,
      askAll: (header, tensors) =>
        Promise.all(Array.from({ length: world.ranks }, (_, rank) => ask(rank, header, tensors))),
    },
  };
}
