/**
 * tar's header block, in the spelling of POSIX.1-2017 (pax, "ustar Interchange Format") and of GNU tar's tar.h for
 * what differs: numbers in base 256, the old sparse format.
 */
import { corrupt } from '../core/errors.ts';
import { ascii, bytes, record, u8 } from '../core/record.ts';
import { decodeField } from '../core/text.ts';

export const TAR_BLOCK = 512;

export const tarHeader = record(
  'tar header',
  {
    name: bytes(0, 100),
    mode: bytes(100, 8),
    uid: bytes(108, 8),
    gid: bytes(116, 8),
    size: bytes(124, 12),
    mtime: bytes(136, 12),
    chksum: bytes(148, 8),
    typeflag: u8(156),
    linkname: bytes(157, 100),
    magic: ascii(257, 6),
    devmajor: bytes(329, 8),
    devminor: bytes(337, 8),
    prefix: bytes(345, 155),
  },
  TAR_BLOCK,
);

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
  const text = Buffer.from(field).toString('latin1').replace(/\0.*$/s, '').trim();
  if (text === '') return 0;
  if (!/^-?[0-7]+$/.test(text)) throw corrupt('TAR_NUMBER', `its ${what} is no octal number`);
  return Number.parseInt(text, 8);
}

/** Sum of all bytes with the checksum field as blanks; some old tars summed signed bytes. */
export function isTarHeader(block: Uint8Array): boolean {
  if (block.length < TAR_BLOCK) return false;
  const text = decodeField(block.subarray(148, 156)).trim();
  if (!/^[0-7]{1,7}$/.test(text)) return false;
  let sum = 8 * 32;
  let signed = 8 * 32;
  for (let i = 0; i < TAR_BLOCK; i++) {
    if (i >= 148 && i < 156) continue;
    const byte = block[i]!;
    sum += byte;
    signed += byte < 128 ? byte : byte - 256;
  }
  const stated = Number.parseInt(text, 8);
  return stated === sum || stated === signed;
}
