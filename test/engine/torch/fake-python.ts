// A small program of Node.js in the place of Python: says what it has, and is the worker that a test wants, also where torchrun is asked for.
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What it says that it has. */
const FACTS = {
  versions: { python: '3.12.1', torch: '2.13.0', transformers: '5.17.0', peft: '0.21.0' },
  device: 'cpu',
  devices: 1,
  names: ['CPU'],
  memories: [],
  hasBfloat16: false,
};

const PRELUDE = `#!${process.execPath}
const { connect } = require('node:net');
const { writeFileSync } = require('node:fs');
if (process.argv.includes('-c')) {
  console.log(FACTS);
  process.exit(0);
}
const node = process.argv.find((word) => word.startsWith('--node-rank='));
const rank = node === undefined ? 0 : Number(node.split('=')[1]);
writeFileSync(process.env.IOVQA_LOGS + '/worker-' + rank + '.log', 'a warning\\nan error of a library\\n');
writeFileSync(PID + rank, String(process.pid));
const [host, port] = process.env.IOVQA_LINK.split(':');
const socket = connect(Number(port), host);
socket.on('close', () => process.exit(0));
const send = (header) => {
  const text = Buffer.from(JSON.stringify({ ...header, tensors: [] }));
  const prefix = Buffer.alloc(20);
  prefix.write('iovq');
  prefix.writeUInt32LE(1, 4);
  prefix.writeUInt32LE(text.length, 8);
  socket.write(Buffer.concat([prefix, text]));
};
const hello = (token = process.env.IOVQA_TOKEN) => send({ op: 'hello', token, rank });
const ready = () => send({ op: 'ready', versions: { torch: '9' } });
const asked = (answer) => socket.on('data', (data) => {
  const header = JSON.parse(data.subarray(20, 20 + data.readUInt32LE(8)).toString());
  answer(header);
});
`;

/** A program that was written. */
export interface FakePython {
  /** Its path. */
  python: string;
  /** Number of the process that is a rank, once it has begun. */
  pid: (rank?: number) => number;
}

/**
 * Writes the program.
 * @param folder - where
 * @param program - what the worker does; `rank`, `hello`, `ready`, `send` and `asked` are at hand
 * @param versions - of packages, in place of those that are told otherwise
 */
export function fakePython(folder: string, program: string, versions: Record<string, string> = {}): FakePython {
  const python = join(folder, 'python');
  const pid = join(folder, 'pid-');
  const facts = JSON.stringify({ ...FACTS, versions: { ...FACTS.versions, ...versions } });
  const prelude = PRELUDE.replace('FACTS', JSON.stringify(facts)).replace('PID', JSON.stringify(pid));
  writeFileSync(python, `${prelude}${program}\n`);
  chmodSync(python, 0o755);
  return { python, pid: (rank = 0) => Number(readFileSync(`${pid}${rank}`, 'utf8')) };
}
