// `iovqa doctor`: what this machine has, as a table.
import { doctor } from '../../checks/index.ts';
import { formatTable, printJson, printLines } from '../output.ts';
import type { Terminal } from '../terminal.ts';

/** Flags of `doctor`. */
export interface DoctorFlags {
  /** Python of the torch engine. */
  python?: string;
  /** Write a JSON value. */
  json?: boolean;
}

/**
 * Runs `iovqa doctor`.
 * @param terminal - where it is shown
 */
export async function doctorCommand(terminal: Terminal, flags: DoctorFlags): Promise<void> {
  const findings = await doctor(flags.python === undefined ? {} : { python: flags.python });
  if (flags.json === true) return printJson(terminal, findings);
  const rows = findings.map(({ what, state, detail }) => [what, state, detail]);
  printLines(terminal, formatTable(['what', 'state', 'detail'], rows));
}
