// What doctor says of one thing.

/** What was found of one thing. */
export interface Finding {
  /** What was looked at. */
  what: string;
  /** Whether it is there. What is not set up is there for who wants it, and no fault where it is not. */
  state: 'ok' | 'missing' | 'not set up';
  /** What of it is there, or why it is not. */
  detail: string;
}
