/**
 * tar's header block, in the spelling of POSIX.1-2017 (pax, "ustar Interchange Format") and of GNU tar's tar.h for
 * what differs: numbers in base 256, the old sparse format.
 */
import { corrupt } from '../core/errors.ts';

export const TAR_BLOCK = 512;

/** Where the header's fields begin and how long they are. Views, not a record: a system's archive has 100,000 headers. */
const FIELDS = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  chksum: [148, 8],
  typeflag: [156, 1],
  linkname: [157, 100],
  magic: [257, 6],
  prefix: [345, 155],
} as const;

export type TarField = keyof typeof FIELDS;

/** A view of one field of a header block. */
export function tarField(block: Uint8Array, name: TarField): Uint8Array {
  const [offset, length] = FIELDS[name];
  return block.subarray(offset, offset + length);
}

/** A text field up to its first NUL, as Latin-1. */
export function tarText(block: Uint8Array, name: TarField): string {
  return latin1Until(tarField(block, name));
}

/** Bytes up to the first NUL as Latin-1 characters. */
export function latin1Until(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return latin1(end < 0 ? bytes : bytes.subarray(0, end));
}

/** Every byte as a Latin-1 character. */
export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

/** Values of `typeflag`, as characters. */
export const TAR_TYPE = {
  file: '0',
  oldFile: '\0',
  link: '1',
  symlink: '2',
  character: '3',
  block: '4',
  directory: '5',
  fifo: '6',
  contiguous: '7',
  paxGlobal: 'g',
  pax: 'x',
  solarisPax: 'X',
  gnuLongName: 'L',
  gnuLongLink: 'K',
  gnuSparse: 'S',
  gnuMultiVolume: 'M',
  gnuDumpDirectory: 'D',
} as const;

/** GNU's old sparse format: four runs in the header, 21 in each block that follows. */
export const GNU_SPARSE = {
  headerRuns: 4,
  headerAt: 386,
  isExtendedAt: 482,
  realSizeAt: 483,
  blockRuns: 21,
  blockIsExtendedAt: 504,
  runBytes: 24,
} as const;

/**
 * A number field: octal digits between blanks and NULs, or base 256 when its top bit is set.
 * @throws ImgoptError `corrupt` for anything else, or a number that does not fit
 */
export function parseNumber(field: Uint8Array, what: string): number {
  const first = field[0] ?? 0;
  if (first & 0x80) {
    // Two's complement, big-endian, the flag bit not part of it (GNU tar's from_header).
    const isNegative = (first & 0x40) !== 0;
    let value = isNegative ? first - 256 : first & 0x7f;
    for (const byte of field.subarray(1)) value = value * 256 + byte;
    if (!Number.isSafeInteger(value)) throw corrupt('TAR_NUMBER', `its ${what} does not fit 53 bits`);
    return value;
  }
  const plain = octal(field);
  if (plain !== undefined) return plain;
  const text = latin1Until(field).trim();
  if (text === '') return 0;
  if (!/^-?[0-7]+$/.test(text)) throw corrupt('TAR_NUMBER', `its ${what} is no octal number`);
  return Number.parseInt(text, 8);
}

/** What every tool writes: octal digits between blanks, up to a NUL or the field's end. Undefined for anything else. */
function octal(field: Uint8Array): number | undefined {
  const { length } = field;
  let at = 0;
  while (at < length && field[at] === 0x20) at++;
  const first = at;
  let value = 0;
  for (; at < length; at++) {
    const digit = field[at]! - 0x30;
    if (digit < 0 || digit > 7) break;
    value = value * 8 + digit;
  }
  if (at === first) return undefined;
  while (at < length && field[at] === 0x20) at++;
  return at === length || field[at] === 0 ? value : undefined;
}

/** Sum of all bytes with the checksum field as blanks; some old tars summed signed bytes. */
export function isTarHeader(block: Uint8Array): boolean {
  if (block.length < TAR_BLOCK) return false;
  const [start, length] = FIELDS.chksum;
  const stated = octal(tarField(block, 'chksum'));
  if (stated === undefined) return false;
  let sum = length * 0x20;
  let large = 0;
  for (let i = 0; i < TAR_BLOCK; i++) {
    if (i === start) i += length;
    const byte = block[i]!;
    sum += byte;
    large += byte >> 7;
  }
  return stated === sum || stated === sum - 256 * large;
}
