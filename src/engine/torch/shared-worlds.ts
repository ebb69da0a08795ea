// Worker processes by their settings: started for the first engine that wants them, ended with the last one.
import type { World, WorldOptions } from './world.ts';
import { startWorld } from './world.ts';

interface Shared {
  world: Promise<World>;
  users: number;
}

const worlds = new Map<string, Shared>();

/**
 * The processes for some settings.
 * @param options - command, how many
 * @returns them, and what is called when they are no longer needed
 */
export async function shareWorld(options: WorldOptions): Promise<{ world: World; leave: () => Promise<void> }> {
  const { others, ...own } = options;
  const key = JSON.stringify([own, others?.machines.address]);
  let shared = worlds.get(key);
  const isOver = shared !== undefined && !(await shared.world.catch(() => null))?.isRunning;
  if (shared === undefined || isOver) {
    shared = { world: startWorld(options), users: 0 };
    worlds.set(key, shared);
  }
  const joined = shared;
  joined.users++;
  let hasLeft = false;
  const leave = async (): Promise<void> => {
    if (hasLeft) return;
    hasLeft = true;
    joined.users--;
    if (joined.users > 0) return;
    if (worlds.get(key) === joined) worlds.delete(key);
    await (await joined.world)[Symbol.asyncDispose]();
  };
  try {
    const world = await joined.world;
    return { world, leave };
  } catch (error) {
    // The next one starts anew.
    if (worlds.get(key) === joined) worlds.delete(key);
    throw error;
  }
}
