// How much memory there is, also in a container that may use less than the machine has.
import { totalmem } from 'node:os';

/** Memory that this process may use, in bytes: the machine's, or its container's where that is less. */
export function machineMemory(): number {
  const total = totalmem();
  const constrained = process.constrainedMemory?.() ?? 0; // 0, or a number beyond all machines, where there is no limit
  return constrained > 0 && constrained < total ? constrained : total;
}
