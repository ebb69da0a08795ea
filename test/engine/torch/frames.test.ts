// Frames of the link: what is sent comes back, in whatever pieces it arrives; what is no frame is refused.
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { LinkMessage } from '../../../src/engine/torch/frames.ts';
import { createFrameParser, encodeFrame } from '../../../src/engine/torch/frames.ts';

const tensors = fc.array(
  fc.oneof(
    fc.uint8Array().map((data) => ({ dtype: 'u8' as const, shape: [data.length], data })),
    fc.int32Array().map((data) => ({ dtype: 'i32' as const, shape: [data.length], data })),
    fc.float32Array({ noNaN: true }).map((data) => ({ dtype: 'f32' as const, shape: [1, data.length], data })),
    fc.uint16Array().map((data) => ({ dtype: 'bf16' as const, shape: [data.length], data })),
  ),
  { maxLength: 4 },
);
const message: fc.Arbitrary<LinkMessage> = fc.record({ header: fc.record({ op: fc.string(), id: fc.nat() }), tensors });

test('messages come back, in whatever pieces they arrive', () => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 4 }), fc.integer({ min: 1, max: 50 }), (messages, size) => {
      const bytes = Buffer.concat(messages.flatMap((one) => encodeFrame(one)));
      const parser = createFrameParser();
      const read: LinkMessage[] = [];
      for (let i = 0; i < bytes.length; i += size) read.push(...parser.push(bytes.subarray(i, i + size)));
      expect(read).toEqual(messages);
    }),
  );
});

test.each([
  ['another program', Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n'), /expected a frame of version 1, got "GET "/],
  ['another version', Buffer.concat([Buffer.from('iovq'), Buffer.from([2]), Buffer.alloc(15)]), /got "iovq" 2/],
  [
    'a frame too large',
    Buffer.concat([Buffer.from('iovq'), Buffer.from([1, 0, 0, 0]), Buffer.alloc(12, 255)]),
    /expected/,
  ],
])('refuses %s', (_, bytes, message) => {
  expect(() => [...createFrameParser().push(bytes)]).toThrow(message);
});
