/** What imgopt asks every plugin for. The libraries themselves are loaded when there is something to decompress. */
import type { Contribution, Decompressor } from 'imgopt/contracts';

const startsWith = (head: Uint8Array, magic: readonly number[]): boolean =>
  magic.every((byte, i) => head[i] === byte);

/** The .xz file format 1.2.1, 2.1.1.1: Header Magic Bytes. */
const XZ_MAGIC = [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00];
/** `BZh`, a level of 1 to 9, and π at the beginning of a block or √π at the end of an empty stream. */
const BZIP2_MAGIC = [0x42, 0x5a, 0x68];
const BZIP2_BLOCKS = [
  [0x31, 0x41, 0x59, 0x26, 0x53, 0x59],
  [0x17, 0x72, 0x45, 0x38, 0x50, 0x90],
];

const xz: Decompressor = {
  name: 'xz',
  probe: (head) => startsWith(head, XZ_MAGIC),
  async decompress(input, output, context) {
    const { decompressXz } = await import('./xz.ts');
    return decompressXz(input, output, context.signal);
  },
};

const bzip2: Decompressor = {
  name: 'bzip2',
  probe: (head) =>
    startsWith(head, BZIP2_MAGIC) &&
    head[3]! >= 0x31 &&
    head[3]! <= 0x39 &&
    BZIP2_BLOCKS.some((magic) => startsWith(head.subarray(4), magic)),
  async decompress(input, output, context) {
    const { decompressBzip2 } = await import('./bzip2.ts');
    return decompressBzip2(input, output, context.signal);
  },
};

export default async function contribute(): Promise<Contribution> {
  return { apiVersion: 1, decompressors: [xz, bzip2] };
}
