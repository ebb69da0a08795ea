// Options that several commands have, and how values are read.
import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import type { ListPart } from '../../score/index.ts';

/** Reads a whole number. */
export const integer = (text: string): number => {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('expected a whole number.');
  return Number(text);
};

/** Reads a number of folds. */
export const folds = (text: string): number | 'groups' => {
  if (text === 'groups') return text;
  if (!/^\d+$/.test(text) || Number(text) < 2)
    throw new InvalidArgumentError('expected a whole number of at least 2, or groups.');
  return Number(text);
};

/** Collects the values of an option that can be repeated. */
export const collect = (text: string, list: string[] = []): string[] => [...list, text];

/** `--json`. */
export const json = (): Option => new Option('--json', 'print JSON');

/** `--set`. */
export const set = (): Option =>
  new Option('--set <key=value>', 'set a key of the recipe, such as lora.rank=128; can be repeated').argParser(collect);

/** `--manifest` of commands with a recipe. */
export const manifest = ['--manifest <file>', 'same as --set data.manifest=FILE'] as const;

/** `--model` of commands with a recipe. */
export const model = [
  '--model <model>',
  'same as --set model=MODEL: a folder, or ORG/NAME of a model that was pulled',
] as const;

/** `--python`. */
export const python = (): Option =>
  new Option(
    '--python <path>',
    'Python of the torch engine; default: IOVQA_PYTHON, else an active virtual environment',
  );

/**
 * Adds the engine and what it runs on to a command.
 * @param command - one that trains, scores, or forecasts that
 * @param options - whether it starts a Python; default true
 */
export const withEngine = (command: Command, { python = true }: { python?: boolean } = {}): Command =>
  engineOptions()
    .filter((option) => python || option.attributeName() !== 'python')
    .reduce((made, option) => made.addOption(option), command);

const shards: readonly string[] = ['auto', 'none', 'full'];

/** Reads how devices hold a model; other programs have this name for parts of a list. */
const shard = (text: string): string => {
  if (shards.includes(text)) return text;
  const other = /^\d+\/\d+$/.test(text) ? ` score --part ${text} scores a part of a list.` : '';
  throw new InvalidArgumentError(`Allowed choices are ${shards.join(', ')}.${other}`);
};

/** `--part` of `score`. */
export const part = (): Option =>
  new Option('--part <i/n>', 'score only part I of N parts of the list; `scores merge` joins their files').argParser(
    partOf,
  );

const partOf = (text: string): ListPart => {
  const [, number, of] = /^([1-9]\d{0,8})\/([1-9]\d{0,8})$/.exec(text) ?? [];
  if (of !== undefined && Number(number) <= Number(of)) return { number: Number(number), of: Number(of) };
  throw new InvalidArgumentError('expected I/N, with I from 1 to N, such as 3/16.');
};

const engineOptions = (): Option[] => [
  new Option('--engine <name>', 'who computes: ONNX Runtime (onnx), or PyTorch in worker processes (torch)').choices([
    'onnx',
    'torch',
  ]),
  python(),
  new Option('--devices <n>', 'devices of the torch engine, a process each; default: all GPUs, or one CPU').argParser(
    devices,
  ),
  new Option('--shard <how>', 'how these hold the model: each the whole (none), or a share each (full)')
    .choices(shards)
    .argParser(shard),
  new Option('--precision <type>', 'type of frozen weights and products; default: bfloat16 on GPUs').choices([
    'auto',
    'float32',
    'bfloat16',
  ]),
];

/**
 * Adds an engine to a command, and several machines.
 * @param command - one that trains or scores
 */
export const withMachines = (command: Command): Command =>
  withEngine(command)
    .option('--nodes <n>', 'machines of the torch engine; default: 1, or those of srun', integer)
    .option('--master <host:port>', 'address of the first machine, this one; the others join it by `worker`');

/** Reads a number of devices. */
const devices = (text: string): number | 'auto' => {
  if (text === 'auto') return text;
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('expected a whole number of at least 1, or auto.');
  return Number(text);
};

/** `--decoder`. */
export const decoder = (): Option =>
  new Option(
    '--decoder <name>',
    "decode videos with FFmpeg's libraries in the package node-av, or with the ffmpeg of the system; default: as recipe or card says, else node-av",
  ).choices(['node-av', 'ffmpeg']);

/** `--sandbox`. */
export const sandbox = (): Option =>
  new Option(
    '--sandbox <mode>',
    'decode clips in a sandbox: always (required), where it works (auto, default), or never (off)',
  ).choices(['required', 'auto', 'off']);
