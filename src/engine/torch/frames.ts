// Frames between Node.js and a worker: a header in JSON and the bytes of tensors behind it. The other end is engine-torch/link.py.
import { invariant } from '../../core/index.ts';

/** Version of the frames and of the messages in them. */
export const LINK_VERSION = 1;
/** Most bytes of a header, and of the tensors of a message. */
const [MAX_HEADER, MAX_BODY] = [64 * 2 ** 20, 2 ** 30];
/** Most bytes of both before the other end has shown who it is. */
const MAX_GREETING = 4096;
/** Magic, version, bytes of the header (4 each), bytes of the tensors (8). */
const PREFIX_BYTES = 20;
const MAGIC = 'iovq';

/** Element types of tensors on the link. */
export type LinkDtype = 'u8' | 'i32' | 'f32' | 'bf16';

/** A tensor of a message. */
export interface LinkTensor {
  /** Element type. */
  dtype: LinkDtype;
  /** Sizes, outermost first. */
  shape: readonly number[];
  /** Its elements in row-major order, little-endian. */
  data: Uint8Array | Int32Array | Float32Array | Uint16Array;
}

/** A message. */
export interface LinkMessage {
  /** What is asked for or told, as JSON. */
  header: Readonly<Record<string, unknown>>;
  /** The tensors that it comes with. */
  tensors: readonly LinkTensor[];
}

/** Each tensor begins at a multiple of so many bytes of the body. */
const ALIGNMENT = 8;
const padding = (length: number): number => -length & (ALIGNMENT - 1);

const bytesOf = ({ buffer, byteOffset, byteLength }: LinkTensor['data']): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

/**
 * Writes a message as buffers, one after the other. Tensors are not copied: they must not change until they are sent.
 * @param message - what is sent
 */
export function encodeFrame({ header, tensors }: LinkMessage): Uint8Array[] {
  const parts = tensors.map(({ data }) => bytesOf(data));
  const described = tensors.map(({ dtype, shape }, i) => [dtype, shape, parts[i]!.length]);
  const text = Buffer.from(JSON.stringify({ ...header, tensors: described }));
  const body = parts.reduce((total, part) => total + part.length + padding(part.length), 0);
  invariant(text.length <= MAX_HEADER && body <= MAX_BODY, `a message of ${text.length} and ${body} bytes`);
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.write(MAGIC, 'latin1');
  prefix.writeUInt32LE(LINK_VERSION, 4);
  prefix.writeUInt32LE(text.length, 8);
  prefix.writeBigUInt64LE(BigInt(body), 12);
  const filled = parts.flatMap((part) =>
    padding(part.length) === 0 ? [part] : [part, new Uint8Array(padding(part.length))],
  );
  return [Buffer.concat([prefix, text]), ...filled];
}

/** Takes bytes as they come and gives messages. */
export interface FrameParser {
  /**
   * Takes bytes.
   * @param chunk - the next ones
   * @returns messages that are whole now, to be read to the end
   * @throws Error, behind the messages before it, for bytes that are no frame, or a frame of another version or size
   */
  push: (chunk: Uint8Array) => Iterable<LinkMessage>;
}

/**
 * Makes a parser of the frames of one connection.
 * @param isTrusted - whether the other end has shown who it is: before that, only short frames are taken; default: it has
 */
export function createFrameParser(isTrusted: () => boolean = () => true): FrameParser {
  let chunks: Uint8Array[] = [];
  let size = 0;
  /** Bytes of the frame that comes, once its prefix is there. */
  let expected: { header: number; body: number } | null = null;
  const join = (): Buffer => {
    const all = Buffer.concat(chunks);
    chunks = [all];
    return all;
  };
  const wanted = (): number => PREFIX_BYTES + (expected === null ? 0 : expected.header + expected.body);
  return {
    *push(chunk) {
      chunks.push(chunk);
      size += chunk.length;
      while (size >= wanted()) {
        const all = join();
        if (expected === null) {
          expected = readPrefix(all, isTrusted());
          continue;
        }
        const message = readFrame(all, expected);
        const rest = all.subarray(wanted());
        chunks = [rest];
        size = rest.length;
        expected = null;
        yield message;
      }
    },
  };
}

function readPrefix(bytes: Buffer, isTrusted: boolean): { header: number; body: number } {
  const [magic, version] = [bytes.toString('latin1', 0, 4), bytes.readUInt32LE(4)];
  const [header, body] = [bytes.readUInt32LE(8), Number(bytes.readBigUInt64LE(12))];
  if (magic !== MAGIC || version !== LINK_VERSION || header > MAX_HEADER || body > MAX_BODY) {
    throw new Error(`expected a frame of version ${LINK_VERSION}, got ${JSON.stringify(magic)} ${version}`);
  }
  if (!isTrusted && header + body > MAX_GREETING) {
    throw new Error(`expected at most ${MAX_GREETING} bytes before the greeting is over, got ${header + body}`);
  }
  return { header, body };
}

function readFrame(all: Buffer, { header, body }: { header: number; body: number }): LinkMessage {
  const { tensors, ...rest } = JSON.parse(all.toString('utf8', PREFIX_BYTES, PREFIX_BYTES + header)) as {
    tensors: [LinkDtype, number[], number][];
  };
  let offset = PREFIX_BYTES + header;
  const end = offset + body;
  const read = tensors.map(([dtype, shape, length]): LinkTensor => {
    // A copy: aligned for its elements, and the frame's memory is free to go.
    const data = all.buffer.slice(all.byteOffset + offset, all.byteOffset + offset + length) as ArrayBuffer;
    offset += length + padding(length);
    return { dtype, shape, data: viewOf(dtype, data) };
  });
  if (offset !== end) throw new Error(`expected ${body} bytes of tensors, got ${offset - end + body}`);
  return { header: rest, tensors: read };
}

function viewOf(dtype: LinkDtype, data: ArrayBuffer): LinkTensor['data'] {
  switch (dtype) {
    case 'u8':
      return new Uint8Array(data);
    case 'i32':
      return new Int32Array(data);
    case 'f32':
      return new Float32Array(data);
    case 'bf16':
      return new Uint16Array(data);
  }
}
