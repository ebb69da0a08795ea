// Where a camera looks at a photograph, from frame to frame.
import type { RandomStream } from '../core/index.ts';
import type { FrameSize } from '../video/index.ts';

/** The photograph must be so many times as large as the frames on each side. */
export const leastRatio = 1.25;
/** How much of what fits into the photograph is seen, at the least. */
const tightest = 0.55;
/** Greatest angle to the photograph, in radians; in a long narrow frame it is less, so that a turn needs no more than a tenth of room. */
const greatestAngle = (3 * Math.PI) / 180;
/** Speeds: widths of the picture, ratios of zoom and radians a frame. */
const greatestSpeed = { pan: 0.02, zoom: 0.006, angle: 0.0025 };

/** What the camera sees. */
export interface View {
  /** Centre, in pixels of the photograph. */
  x: number;
  /** Centre, in pixels of the photograph. */
  y: number;
  /** Pixels of the photograph to one of the frame. */
  scale: number;
  /** Turn, in radians. */
  angle: number;
}

/**
 * Draws a path that stays within the photograph.
 * @param photo - size of the photograph
 * @param frame - size of a frame; the photograph is at least {@link leastRatio} times as large on each side
 * @param numFrames - number of frames
 * @param stream - what the path is drawn from
 * @returns what each frame shows
 */
export function drawPath(photo: FrameSize, frame: FrameSize, numFrames: number, stream: RandomStream): View[] {
  const { width, height } = frame;
  const angle = Math.min(greatestAngle, Math.asin(0.1 * Math.min(width / height, height / width)));
  const turned = Math.sin(angle);
  // Half of what is seen across and down at scale 1, at the greatest angle: at any lesser one it is less.
  const [halfWidth, halfHeight] = [(width + height * turned) / 2, (height + width * turned) / 2];
  const widest = Math.min(photo.width / halfWidth, photo.height / halfHeight) / 2;
  const narrowest = Math.min(widest, Math.max(1, widest * tightest));
  const between = (low: number, high: number): number => low + (high - low) * stream.uniform();
  const drawView = (): View => {
    const scale = between(narrowest, widest);
    const [marginX, marginY] = [halfWidth * scale, halfHeight * scale];
    const x = between(marginX, photo.width - marginX);
    const y = between(marginY, photo.height - marginY);
    return { x, y, scale, angle: between(-angle, angle) };
  };
  const [start, end] = [drawView(), drawView()];
  const steps = Math.max(1, numFrames - 1);
  // The end is drawn near enough to be reached; the room of a convex shape is kept on the way.
  const reach = (distance: number, greatest: number): number => (greatest * steps) / Math.max(1e-9, Math.abs(distance));
  const share = Math.min(
    1,
    between(0.3, 1) *
      Math.min(
        reach(Math.hypot(end.x - start.x, end.y - start.y), greatestSpeed.pan * width * start.scale),
        reach(Math.log(end.scale / start.scale), greatestSpeed.zoom),
        reach(end.angle - start.angle, greatestSpeed.angle),
      ),
  );
  const eased = stream.uniform();
  return Array.from({ length: numFrames }, (_, k) => {
    const u = k / steps;
    const t = share * ((1 - eased) * u + eased * u * u * (3 - 2 * u));
    const at = (key: keyof View): number => start[key] + (end[key] - start[key]) * t;
    return { x: at('x'), y: at('y'), scale: at('scale'), angle: at('angle') };
  });
}
