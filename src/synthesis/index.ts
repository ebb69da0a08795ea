/**
 * Distorted pictures and clips with known strengths: faults of a picture, faults of motion, camera motion over a photograph, pictures
 * by formula, and the writing of clips. Pure functions of their inputs and a seeded stream of random numbers.
 * @module synthesis
 */
export { cameraMotion } from './camera-motion.ts';
export { silenceEncoders } from './codec.ts';
export { encoderLock, shareEncoderLock } from './encoder-lock.ts';
export { generatedScene } from './generated-scene.ts';
export type { MotionDistortionKind } from './motion-distortions.ts';
export { motionDistortions } from './motion-distortions.ts';
export { openPhoto } from './open-photo.ts';
export type { PictureDistortionKind } from './picture-distortions.ts';
export { pictureDistortions } from './picture-distortions.ts';
export { writeClip } from './write-clip.ts';
