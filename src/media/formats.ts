// The one table of picture and video formats: what they are called, how their files' names end, and whether they are read.

/**
 * How a file of a format is read.
 * - `still`: as a picture;
 * - `film`: as a video;
 * - `animation`: as a video, or its first picture where a table calls it an image;
 * - `refused`: not at all; whoever meets one says so.
 */
export type Reading = 'still' | 'film' | 'animation' | 'refused';

/** A format of pictures or videos. */
export interface MediaFormat {
  /** Its name, as messages show it. */
  name: string;
  /** One of its files, in words: `a JPEG picture`. */
  called: string;
  /** Whether its files are pictures, videos or short animations. */
  kind: 'picture' | 'video' | 'animation';
  /** Endings of its files' names, in lower case with the dot. Names decide nothing but which files of a folder are meant as clips. */
  endings: readonly string[];
  /** How it is read. */
  reading: Reading;
  /** What to do with a format that is refused. */
  hint?: string;
}

type Row = readonly [name: string, called: string, ...endings: string[]];
const still = ([name, called, ...endings]: Row): MediaFormat => ({
  name,
  called,
  kind: 'picture',
  endings,
  reading: 'still',
});
const animation = (row: Row): MediaFormat => ({ ...still(row), kind: 'animation', reading: 'animation' });
const film = (row: Row): MediaFormat => ({ ...still(row), kind: 'video', reading: 'film' });
const refused = (kind: MediaFormat['kind'], hint: string, row: Row): MediaFormat => ({
  ...still(row),
  kind,
  reading: 'refused',
  hint,
});

const toPicture = 'Convert it to PNG or JPEG.';
const toVideo = 'Convert it to MP4 or Matroska.';
const noHevcPictures = `Pictures coded with HEVC are not decoded here. ${toPicture}`;
const onlyPreview = `Its ready picture is a preview of the raw data. Develop it to PNG or JPEG.`;
const raws = ['.dng', '.cr2', '.cr3', '.nef', '.arw', '.raf', '.orf', '.rw2'];

/** The name of a format in {@link formats}. */
export type FormatName =
  | 'jpeg'
  | 'png'
  | 'webp'
  | 'tiff'
  | 'avif'
  | 'bmp'
  | 'gif'
  | 'apng'
  | 'animatedWebp'
  | 'mp4'
  | 'mov'
  | 'matroska'
  | 'webm'
  | 'avi'
  | 'mpegTs'
  | 'mpegPs'
  | 'flv'
  | 'ogg'
  | 'asf'
  | 'y4m'
  | 'heic'
  | 'avifSequence'
  | 'jpegXl'
  | 'jpeg2000'
  | 'netpbm'
  | 'openExr'
  | 'radiance'
  | 'raw'
  | 'mxf'
  | 'ivf'
  | 'realMedia';

/** All formats that are known by content. */
export const formats: Readonly<Record<FormatName, MediaFormat>> = {
  jpeg: still(['JPEG', 'a JPEG picture', '.jpg', '.jpeg', '.jpe', '.jfif']),
  png: still(['PNG', 'a PNG picture', '.png']),
  webp: still(['WebP', 'a WebP picture', '.webp']),
  tiff: still(['TIFF', 'a TIFF picture', '.tif', '.tiff']),
  avif: still(['AVIF', 'an AVIF picture', '.avif']),
  bmp: still(['BMP', 'a BMP picture', '.bmp', '.dib']),
  gif: animation(['GIF', 'a GIF', '.gif']),
  apng: animation(['APNG', 'an animated PNG', '.apng']),
  animatedWebp: animation(['animated WebP', 'an animated WebP']),
  mp4: film(['MP4', 'an MP4 file', '.mp4', '.m4v', '.3gp', '.3g2', '.f4v']),
  mov: film(['MOV', 'a MOV file', '.mov', '.qt']),
  matroska: film(['Matroska', 'a Matroska file', '.mkv', '.mk3d']),
  webm: film(['WebM', 'a WebM file', '.webm']),
  avi: film(['AVI', 'an AVI file', '.avi', '.divx']),
  mpegTs: film(['MPEG-TS', 'an MPEG transport stream', '.ts', '.mts', '.m2ts', '.m2t']),
  mpegPs: film(['MPEG', 'an MPEG program stream', '.mpg', '.mpeg', '.vob', '.m2p']),
  flv: film(['FLV', 'an FLV file', '.flv']),
  ogg: film(['OGG', 'an OGG file', '.ogv', '.ogm']),
  asf: film(['WMV', 'a WMV or ASF file', '.wmv', '.asf']),
  y4m: film(['Y4M', 'a Y4M file', '.y4m']),
  heic: refused('picture', noHevcPictures, ['HEIC', 'a HEIC picture', '.heic', '.heif', '.hif']),
  avifSequence: refused('animation', toVideo, ['AVIF image sequence', 'an AVIF image sequence', '.avifs']),
  jpegXl: refused('picture', toPicture, ['JPEG XL', 'a JPEG XL picture', '.jxl']),
  jpeg2000: refused('picture', toPicture, ['JPEG 2000', 'a JPEG 2000 picture', '.jp2', '.j2k', '.jpx', '.jpf']),
  netpbm: refused('picture', toPicture, ['Netpbm', 'a Netpbm picture', '.ppm', '.pgm', '.pbm', '.pnm', '.pam']),
  openExr: refused('picture', toPicture, ['OpenEXR', 'an OpenEXR picture', '.exr']),
  radiance: refused('picture', toPicture, ['Radiance', 'a Radiance HDR picture', '.hdr']),
  raw: refused('picture', onlyPreview, ['camera raw', 'a raw file of a camera', ...raws]),
  mxf: refused('video', toVideo, ['MXF', 'an MXF file', '.mxf']),
  ivf: refused('video', toVideo, ['IVF', 'an IVF file', '.ivf']),
  realMedia: refused('video', toVideo, ['RealMedia', 'a RealMedia file', '.rm', '.rmvb']),
};

const all: readonly MediaFormat[] = Object.values(formats);

/** Endings of all formats' names, those that are refused too: such a file is meant as a clip. */
export const mediaEndings: ReadonlySet<string> = new Set(all.flatMap(({ endings }) => endings));

const readable = (kind: MediaFormat['kind']): string => {
  const names = all.filter((one) => one.kind === kind && one.reading !== 'refused').map(({ name }) => name);
  return `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
};

/** What is expected of a file that is neither picture nor video: part of an error message. */
export const expectedMedia: string = `a picture (${readable('picture')}), an animation (${readable('animation')}) or a video (${readable('video')})`;

/** The table of formats, as docs/frames.md has it. */
export function formatsTable(): string {
  const row = ({ name, endings, reading }: MediaFormat): string[] => [
    name,
    endings.map((ending) => `\`${ending}\``).join(' '),
    {
      still: 'as a picture',
      film: 'as a video',
      animation: 'as a video; its first picture where the table calls it an image',
      refused: 'refused',
    }[reading],
  ];
  const rows = [['format', 'names', 'is read'], ['---', '---', '---'], ...all.map(row)];
  return rows.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
