// What scripts do with a user's mistake.
import { UserError } from '../src/core/index.ts';

/** From now on a user's mistake is said in a line, without a stack, as the command line says it, and ends the script. */
export function sayMistakes(): void {
  process.on('uncaughtException', (error) => {
    const isMistake = error instanceof UserError || isParseError(error);
    const hint = error instanceof UserError && error.hint !== undefined ? `\nhint: ${error.hint}` : '';
    console.error(isMistake ? `${error.message}${hint}` : error);
    process.exit(isMistake ? 2 : 1);
  });
}

/** Whether Node's parseArgs refused a flag. */
function isParseError(error: Error): boolean {
  return 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
}
