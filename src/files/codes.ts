// Errors of the system, by their codes.

/**
 * Whether an error is one of the system's with the given code.
 * @param error - what was thrown
 * @param codes - such as `ENOENT`
 * @internal
 */
export function isCode(error: unknown, ...codes: string[]): boolean {
  return codes.includes((error as NodeJS.ErrnoException).code ?? '');
}
