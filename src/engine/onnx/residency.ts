// The memory policy: which sessions of a model hold memory at the same time. A session maps the weights that it uses,
// so the weights of a large model stay mapped only for the session that runs.
import type { Checkpoint } from '../../model/index.ts';
import type { Unloadable } from './lazy.ts';

/** Bytes of weights from which on the sessions of a model make room for each other. */
export const LARGE_MODEL_BYTES = 1e9;

/** What a session is for. */
export type SessionUse = 'encode' | 'prefix' | 'update' | 'predict';

/** Knows the sessions of a model. */
export interface Residency {
  /**
   * Adds a session.
   * @param use - what it is for
   * @param session - the session
   * @returns the session
   */
  add: <T extends Unloadable>(use: SessionUse, session: T) => T;
  /** Forgets a session that is disposed of. */
  remove: (session: Unloadable) => void;
  /**
   * Makes room for what is about to run.
   * - Before an update or a prediction of a model in training, the sessions of all other uses are unloaded, if the model is large.
   * - Nothing makes room for the tower and the frozen prefix: their outputs are kept, so that they seldom run beside an update.
   * - A model that only predicts keeps its tower and its sessions: they take turns with every clip.
   * @param use - what is about to run
   */
  makeRoom: (use: 'update' | 'predict') => Promise<void>;
  /** Unloads all sessions of a use, or all. */
  unload: (use?: SessionUse) => Promise<void>;
}

/** Bytes of a model's weights. */
export function weightBytes({ names, stored }: Pick<Checkpoint, 'names' | 'stored'>): number {
  return names.reduce((total, name) => total + stored(name).source.length, 0);
}

/**
 * Makes a policy.
 * @param isLarge - whether sessions make room for each other
 * @param onUnload - is told what a session that made room was for
 */
export function createResidency(isLarge: boolean, onUnload: (use: SessionUse) => void = () => {}): Residency {
  const sessions = new Map<Unloadable, SessionUse>();
  const unload = async (isMeant: (use: SessionUse) => boolean): Promise<void> => {
    for (const [session, use] of sessions) {
      if (!isMeant(use)) continue;
      await session.unload();
      onUnload(use);
    }
  };
  return {
    add: (use, session) => {
      sessions.set(session, use);
      return session;
    },
    remove: (session) => sessions.delete(session),
    makeRoom: async (next) => {
      const trains = [...sessions.values()].includes('update');
      if (isLarge && trains) await unload((use) => use !== next);
    },
    unload: (wanted) => unload((use) => wanted === undefined || use === wanted),
  };
}
