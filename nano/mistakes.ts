// What scripts do with a user's mistake.
import { UserError } from '../src/core/index.ts';
import { environmentFault } from '../src/files/index.ts';

/** From now on a user's mistake is said in a line, without a stack, as the command line says it, and ends the script. */
export function sayMistakes(): void {
  process.on('uncaughtException', (error) => {
    const told = environmentFault(error) ?? error;
    const isMistake = told instanceof UserError || isParseError(told);
    const hint = told instanceof UserError && told.hint !== undefined ? `\nhint: ${told.hint}` : '';
    console.error(isMistake ? `${told.message}${hint}` : told);
    process.exit(isMistake ? 2 : 1);
  });
}

/** Whether Node's parseArgs refused a flag. */
function isParseError(error: Error): boolean {
  return 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
}
