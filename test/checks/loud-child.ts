// The child of doctor.test.ts: writes to stderr more than a pipe holds, and then answers; or, told so, never does.
import { writeSync } from 'node:fs';

process.once('message', (provider: string) => {
  if (provider === 'cuda') return void setInterval(() => {}, 1000);
  for (let i = 0; i < 64; i++) writeSync(2, 'x'.repeat(1 << 14));
  process.send!([4, 6]);
});
