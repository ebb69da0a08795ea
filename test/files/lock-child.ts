// The child of lock.test.ts: takes a lock, says so, and holds it until it is killed or told to end. Usage: lock-child.ts PATH
import { UserError } from '../../src/core/index.ts';
import { acquireLock } from '../../src/files/index.ts';

try {
  const lock = await acquireLock(process.argv[2]!, 'x');
  process.stdout.write('held\n');
  process.stdin.once('data', () => void lock.release().then(() => process.exit()));
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  process.stdout.write('refused\n');
}
