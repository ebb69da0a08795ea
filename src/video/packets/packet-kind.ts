// What one compressed packet contributes to the decoded frames, read from its headers without decoding.

/** What a packet means. */
export interface PacketKind {
  /** Whether decoding it gives a frame that is shown: exactly one, or none. */
  shown: boolean;
  /** Whether the decoder will call that frame a keyframe; undefined where only decoding tells. */
  key: boolean | undefined;
  /**
   * Whether this frame, and all that are coded after it and shown after it, come as they should from a decoder that begins here
   * (`here`), or from one that also got the pictures since the entry before (`before`): the pictures are right from here on either
   * way, but headers may still name earlier ones.
   */
  entry: 'here' | 'before' | 'no';
  /** Whether other frames may be predicted from it. */
  reference: boolean;
  /** Place in the order of showing, among the frames since the last that `restarts`; undefined where frames are shown as coded. */
  order: number | undefined;
  /** Whether all frames coded before are shown before it and all that follow. */
  restarts: boolean;
}

/** Reads the packets of a stream, one after the other from the first. */
export interface PacketReader {
  /**
   * Reads the next packet.
   * @throws {@link Unclear} where its headers do not tell what decoding will give
   */
  read: (data: Uint8Array) => PacketKind;
}

/** Says that headers do not tell what decoding will give; the message says why. The stream is then decoded from its start. */
export class Unclear extends Error {}

/**
 * A parameter set of each kind and number, as a decoder that began at the start has them and as one that begins later has them.
 * Sets in the header of the file are known to both; one in a packet only to a decoder that got that packet.
 */
export class ParameterSets {
  readonly #initial = new Map<string, string>();
  readonly #current = new Map<string, string>();

  /** Takes a set from the file's header. */
  addInitial(key: string, bytes: Uint8Array): void {
    const text = Buffer.from(bytes).toString('latin1');
    this.#initial.set(key, text);
    this.#current.set(key, text);
  }

  /** Takes the sets of a packet; tells which were not known as they are. */
  addAll(sets: readonly { key: string; bytes: Uint8Array }[]): string[] {
    const changed: string[] = [];
    for (const { key, bytes } of sets) {
      const text = Buffer.from(bytes).toString('latin1');
      if (this.#current.get(key) !== text) changed.push(key);
      this.#current.set(key, text);
    }
    return changed;
  }

  /** Whether a decoder that begins with a packet that has these sets knows all that one from the start knows. */
  areWholeWith(sets: readonly { key: string }[]): boolean {
    for (const [key, text] of this.#current) {
      if (this.#initial.get(key) !== text && !sets.some((set) => set.key === key)) return false;
    }
    return true;
  }
}
