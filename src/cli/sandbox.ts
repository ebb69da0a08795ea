// `--sandbox`: said to all that decode, in this process and those that it starts, by the environment.
import type { SandboxMode } from '../video/index.ts';
import { confinementFor, onUnconfined, sandboxMode } from '../video/index.ts';
import type { Terminal } from './terminal.ts';

/**
 * Applies the flag.
 * @param terminal - where a clip without a sandbox is told of
 * @param flag - its value; undefined where it was not given, and `IOVQA_SANDBOX` counts
 * @throws UserError `not-supported` where a sandbox is required and there is none
 */
export async function applySandbox(terminal: Terminal, flag: SandboxMode | undefined): Promise<void> {
  if (flag !== undefined) process.env['IOVQA_SANDBOX'] = flag;
  if (sandboxMode() === 'required') await confinementFor('required');
  // Elsewhere there is nothing that could be done about it.
  if (process.platform === 'linux') onUnconfined((text) => terminal.tell(`note: ${text}`));
}
