/**
 * Images and containers of images that imgopt knows by name and does not read: so that the refusal says what the
 * file is and what to do.
 *
 * All of them are one format that is asked last, before raw is taken on trust: a driver or a plugin that really
 * reads one of these is asked earlier and wins. Signatures are from the published specifications; those of two or
 * three bytes are believed only together with the field that follows.
 */
import type { ImageFormat, ProbeInput } from '../../../core/contracts/disk.ts';
import { unsupported } from '../../../core/errors.ts';
import { readProbe } from '../../../sources/read.ts';

export interface RecognisedFormat {
  /** For messages: `is a gzip file`. */
  readonly description: string;
  readonly advice: string;
  matches(input: ProbeInput): boolean;
}

const CONVERT = "convert it first: 'qemu-img convert -O qcow2'";
/** Read where that plugin is there, which is asked earlier. */
const CODECS = 'unpack it first, or install imgopt-plugin-codecs';
const UNPACK = 'unpack it first, and name the disk image inside';

/** Do the characters of `magic` (each a byte) stand at `at`? Negative offsets count from the end of the file. */
function holds({ head, tail, size }: ProbeInput, at: number, magic: string): boolean {
  const start = at < 0 ? size + at : at;
  if (start < 0) return false;
  const inTail = start - (size - tail.length);
  const [bytes, from] = start + magic.length <= head.length ? [head, start] : [tail, inTail];
  if (from < 0 || from + magic.length > bytes.length) return false;
  for (let i = 0; i < magic.length; i++) if (bytes[from + i] !== magic.charCodeAt(i)) return false;
  return true;
}

function signature(
  description: string,
  advice: string,
  ...places: readonly (readonly [at: number, magic: string])[]
): RecognisedFormat {
  return {
    description,
    advice,
    matches: (input) => places.some(([at, magic]) => holds(input, at, magic)),
  };
}

/** RFC 1952: deflate is the only method, and the top three flag bits are reserved zeros. */
function isGzip(input: ProbeInput): boolean {
  return holds(input, 0, '\x1f\x8b\x08') && input.head.length > 3 && (input.head[3]! & 0xe0) === 0;
}

/** Level 1 to 9, then the magic of a block (π) or of the end (√π). */
function isBzip2(input: ProbeInput): boolean {
  const level = input.head[3] ?? 0;
  if (!holds(input, 0, 'BZh') || level < 0x31 || level > 0x39) return false;
  return holds(input, 4, '1AY&SY') || holds(input, 4, '\x17\x72\x45\x38\x50\x90');
}

/** In order. */
export const RECOGNISED: readonly RecognisedFormat[] = [
  signature('a qcow image of version 1', CONVERT, [0, 'QFI\xfb\0\0\0\x01']),
  signature('a Bochs growing image', CONVERT, [0, 'Bochs Virtual HD Image']),
  signature('an Expert Witness image (EWF)', "export it first: 'ewfexport -f raw'", [
    0,
    'EVF\x09\x0d\x0a\xff\0',
  ]),
  signature('an Android sparse image', "expand it first: 'simg2img'", [0, '\x3a\xff\x26\xed\x01\0']),
  signature('a Windows image (WIM)', UNPACK, [0, 'MSWIM\0\0\0']),
  { description: 'a gzip file', advice: UNPACK, matches: isGzip },
  signature('an xz file', CODECS, [0, '\xfd7zXZ\0']),
  signature('a zstd file', UNPACK, [0, '\x28\xb5\x2f\xfd']),
  { description: 'a bzip2 file', advice: CODECS, matches: isBzip2 },
  signature('an lz4 file', UNPACK, [0, '\x04\x22\x4d\x18']),
  signature('a zip archive', UNPACK, [0, 'PK\x03\x04'], [0, 'PK\x05\x06']),
  signature('a 7-Zip archive', UNPACK, [0, '7z\xbc\xaf\x27\x1c']),
  signature('an Apple disk image (dmg)', CONVERT, [-512, 'koly\0\0\0\x04']),
];

function find(input: ProbeInput): RecognisedFormat | undefined {
  return RECOGNISED.find((one) => one.matches(input));
}

export const recognisedFormats: ImageFormat = {
  name: 'recognised',
  probe(input) {
    const found = find(input);
    return found === undefined ? undefined : { certainty: 'certain', description: found.description };
  },
  async open(file) {
    const found = find(await readProbe(file));
    throw unsupported(
      'UNSUPPORTED_FORMAT',
      `is ${found?.description ?? 'of an unknown format'}, which imgopt does not read`,
      {
        advice: found?.advice ?? CONVERT,
      },
    );
  },
};
