// The first frame of an interlaced film as FFmpeg 8's filter bwdif makes it of its fields; older versions of the filter fill its upper and
// lower edge otherwise (of all other frames they agree). There is no frame before: lines are filled from those of the other field beside them.
import type { RawFrame } from './planes-to-rgb.ts';

/** Weights of the nearer and the farther two lines, in 8192ths (BBC R&D's filter without the frames around). */
const [NEAR, FAR] = [5077, 981];

/**
 * Makes the first frame a picture of one time.
 * @param frame - two fields, of planes of 8 bits or of more with the lower byte first
 * @param next - the frame behind it
 * @param topFirst - whether the upper field is the earlier one
 * @returns a new frame; undefined for pixel formats that are not a plane for each component
 */
export function deinterlaceFirst(frame: RawFrame, next: RawFrame, topFirst: boolean): RawFrame | undefined {
  const { components } = frame.format;
  const isPlanar = components.length === frame.planes.length && components.every(({ bigEndian }) => !bigEndian);
  if (!isPlanar) return undefined;
  const planes = frame.planes.map((plane, i) => {
    const { depth } = components.find((one) => one.plane === i)!;
    const wide = depth > 8;
    const view = (bytes: Buffer): Values =>
      wide ? new Uint16Array(Uint8Array.from(bytes).buffer) : Uint8Array.from(bytes);
    const width = frame.strides[i]! / (wide ? 2 : 1);
    const own = view(plane);
    const filled = fill(own, view(next.planes[i]!), { width, step: wide ? 2 : 1, most: 2 ** depth - 1, topFirst });
    return Buffer.from(filled.buffer);
  });
  return { ...frame, planes };
}

type Values = Uint8Array | Uint16Array;

interface Plane {
  width: number;
  /** Lines by which the filter's looks over the edge are counted: bytes of a value, as in FFmpeg. */
  step: number;
  most: number;
  topFirst: boolean;
}

function fill(own: Values, next: Values, { width, step, most, topFirst }: Plane): Values {
  const height = own.length / width;
  const filled = own.slice();
  const clamp = (value: number): number => Math.min(most, Math.max(0, value));
  for (let y = topFirst ? 1 : 0; y < height; y += 2) {
    const above = (y > step - 1 ? y - 1 : y + 1) * width;
    const below = (y + step < height ? y + 1 : y - 1) * width;
    const isEdge = y < 3 || y + 3 >= height;
    if (!isEdge) {
      const [far, farther] = [y > 3 * step - 1 ? y - 3 : y + 1, y + 3 * step < height ? y + 3 : y - 1];
      for (let x = 0; x < width; x++) {
        const near = NEAR * (own[above + x]! + own[below + x]!);
        filled[y * width + x] = clamp((near - FAR * (own[far * width + x]! + own[farther * width + x]!)) >> 13);
      }
      continue;
    }
    const isInside = y >= 2 && y + 3 <= height;
    for (let x = 0; x < width; x++) {
      const at = y * width + x;
      const [c, d, e] = [own[above + x]!, own[at]!, own[below + x]!];
      // How far the lines around move until the next frame is how far the value may be from the other field's.
      let reach = (Math.abs(next[above + x]! - c) + Math.abs(next[below + x]! - e)) >> 1;
      if (reach === 0) continue;
      if (isInside) {
        const [b, f] = [own[at - 2 * width]! - c, own[at + 2 * width]! - e];
        const greatest = Math.max(d - e, d - c, Math.min(b, f));
        const least = Math.min(d - e, d - c, Math.max(b, f));
        reach = Math.max(reach, least, -greatest);
      }
      filled[at] = clamp(Math.min(d + reach, Math.max(d - reach, (c + e) >> 1)));
    }
  }
  return filled;
}
