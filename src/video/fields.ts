// How frames of two fields are made pictures of one time.

/** FFmpeg's filter, for whatever runs it: a frame for a frame, fields in the order that each frame states. */
export const deinterlaceFilter = 'bwdif=mode=send_frame:parity=auto:deint=interlaced';
