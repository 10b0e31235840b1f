/**
 * A block map beside a raw image: bmap-tools' format 2.0. It names the blocks that hold data, each range with its
 * SHA-256, so that `bmaptool copy` writes only those and checks them on the way.
 */
import { createHash } from 'node:crypto';
import type { Context } from '../core/contracts/context.ts';
import type { BlockSource } from '../core/contracts/source.ts';
import { isZero } from '../core/zeros.ts';

const BLOCK_BYTES = 4096;
const PIECE_BYTES = 1024 * 1024;

interface MappedRange {
  readonly first: number;
  readonly last: number;
  readonly sha256: string;
}

/** `disk`: what the raw image holds; its map bounds what is read. */
export async function createBmap(disk: BlockSource, context: Context): Promise<string> {
  const ranges: MappedRange[] = [];
  let first = -1;
  let next = 0;
  let hash = createHash('sha256');
  const close = (): void => {
    if (first >= 0) ranges.push({ first, last: next - 1, sha256: hash.digest('hex') });
    first = -1;
    hash = createHash('sha256');
  };
  const buffer = new Uint8Array(PIECE_BYTES);
  let done = 0; // blocks looked at
  for await (const extents of disk.extents()) {
    for (const { kind, start, end } of extents) {
      if (kind !== 'data') continue;
      const stop = Math.ceil(end / BLOCK_BYTES);
      for (let block = Math.max(done, Math.floor(start / BLOCK_BYTES)); block < stop; ) {
        context.signal.throwIfAborted();
        const count = Math.min(stop - block, PIECE_BYTES / BLOCK_BYTES);
        const offset = block * BLOCK_BYTES;
        const bytes = buffer.subarray(0, Math.min(count * BLOCK_BYTES, disk.size - offset));
        await disk.read(bytes, offset);
        for (let at = 0; at < bytes.length; at += BLOCK_BYTES, block++) {
          const content = bytes.subarray(at, at + BLOCK_BYTES);
          if (isZero(content)) continue;
          if (block !== next) close();
          if (first < 0) first = block;
          hash.update(content);
          next = block + 1;
        }
        done = block;
      }
    }
  }
  close();
  return render(disk.size, ranges);
}

function render(size: number, ranges: readonly MappedRange[]): string {
  const blocks = Math.ceil(size / BLOCK_BYTES);
  const mapped = ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0);
  const lines = ranges.map(({ first, last, sha256 }) => {
    const range = first === last ? String(first) : `${first}-${last}`;
    return `        <Range chksum="${sha256}"> ${range} </Range>`;
  });
  const placeholder = '0'.repeat(64);
  const text = `<?xml version="1.0" ?>
<bmap version="2.0">
    <ImageSize> ${size} </ImageSize>
    <BlockSize> ${BLOCK_BYTES} </BlockSize>
    <BlocksCount> ${blocks} </BlocksCount>
    <MappedBlocksCount> ${mapped} </MappedBlocksCount>
    <ChecksumType> sha256 </ChecksumType>
    <BmapFileChecksum> ${placeholder} </BmapFileChecksum>
    <BlockMap>
${lines.join('\n')}
    </BlockMap>
</bmap>
`;
  // Its own checksum is that of the text with zeros where the checksum will be.
  return text.replace(placeholder, createHash('sha256').update(text).digest('hex'));
}
