/**
 * The content of a file: its blocks one behind the other, each decoded by itself, then perhaps a tail in a fragment
 * that it shares with others. Decoded blocks of all open files go through one bounded cache.
 */
import type { BlockExtent, BlockSource } from '../../../core/contracts/source.ts';
import { corrupt } from '../../../core/errors.ts';
import type { ByteRange } from '../../../core/extents.ts';
import { IMAGE_CACHE_BYTES } from '../../../core/limits.ts';
import { inParallel } from '../../../core/parallel.ts';
import { RecentlyUsed } from '../../../core/recently-used.ts';
import { viewOf } from '../../../core/record.ts';
import { hex } from '../../../core/text.ts';
import { ExtentBatch } from '../../../sources/extent-batch.ts';
import { assertInside } from '../../../sources/file.ts';
import { readBytes } from '../../../sources/read.ts';
import type { Decode } from './codec.ts';
import type { FileData } from './inodes.ts';
import { BLOCK_SIZE_MASK, BLOCK_UNCOMPRESSED } from './layout.ts';
import type { MetadataTable } from './metadata.ts';

/** Blocks of one read that are decoded at once. */
const IN_FLIGHT = 8;

/** A block as it is stored. */
export interface StoredBlock {
  readonly place: number;
  /** With BLOCK_UNCOMPRESSED in it; 0 stands for zeros. */
  readonly word: number;
}

/** Reads and decodes blocks, and keeps what was used last. */
export class BlockCache {
  readonly blockSize: number;
  private readonly source: BlockSource;
  private readonly decode: Decode;
  /** By place. */
  private readonly kept = new RecentlyUsed<number, Uint8Array>(IMAGE_CACHE_BYTES);

  constructor(source: BlockSource, decode: Decode, blockSize: number) {
    this.source = source;
    this.decode = decode;
    this.blockSize = blockSize;
  }

  block(stored: StoredBlock): Promise<Uint8Array> {
    return this.kept.get(stored.place, this.blockSize, () => this.load(stored));
  }

  private async load({ place, word }: StoredBlock): Promise<Uint8Array> {
    const size = word & BLOCK_SIZE_MASK;
    if (size > this.blockSize)
      throw corrupt(
        'SQUASHFS_BLOCK',
        `the block at ${hex(place)} claims ${size} bytes, blocks have ${this.blockSize}`,
      );
    if (place + size > this.source.size)
      throw corrupt(
        'SQUASHFS_BLOCK',
        `the block at ${hex(place)} lies past the end of what holds the filesystem`,
      );
    const packed = await readBytes(this.source, place, size);
    return (word & BLOCK_UNCOMPRESSED) !== 0 ? packed : this.decode(packed, this.blockSize);
  }
}

/** Where a tail is: its fragment, and its first byte in that decoded. */
export interface Tail extends StoredBlock {
  readonly offset: number;
}

export class SquashfsFile implements BlockSource {
  readonly size: number;
  readonly granularity: number;
  private readonly cache: BlockCache;
  private readonly words: Uint32Array;
  private readonly places: Float64Array;
  private readonly tail: Tail | undefined;

  /** @param table the inode table, which holds the list of blocks */
  constructor(cache: BlockCache, table: MetadataTable, size: number, data: FileData, tail: Tail | undefined) {
    this.cache = cache;
    this.size = size;
    this.granularity = cache.blockSize;
    this.tail = tail;
    this.words = new Uint32Array(data.blocks);
    this.places = new Float64Array(data.blocks);
    const view = viewOf(table.bytes);
    let place = data.start;
    for (let i = 0; i < data.blocks; i++) {
      const word = view.getUint32(data.list + 4 * i, true);
      this.words[i] = word;
      this.places[i] = place;
      place += word & BLOCK_SIZE_MASK;
    }
  }

  async read(target: Uint8Array, offset: number): Promise<void> {
    assertInside(target.length, offset, this.size, 'file');
    const { blockSize } = this.cache;
    const end = offset + target.length;
    const jobs: (() => Promise<void>)[] = [];
    for (let at = offset; at < end; ) {
      const index = Math.floor(at / blockSize);
      const start = index * blockSize;
      const stop = Math.min(end, start + blockSize);
      const from = at - start;
      const part = target.subarray(at - offset, stop - offset);
      jobs.push(() => this.copy(index, from, part));
      at = stop;
    }
    await inParallel(jobs, IN_FLIGHT);
  }

  private async copy(index: number, from: number, target: Uint8Array): Promise<void> {
    const isTail = index >= this.words.length;
    const word = isTail ? this.tail!.word : this.words[index]!;
    if (!isTail && (word & BLOCK_SIZE_MASK) === 0) {
      target.fill(0);
      return;
    }
    const block = await this.cache.block(isTail ? this.tail! : { place: this.places[index]!, word });
    const start = from + (isTail ? this.tail!.offset : 0);
    if (start + target.length > block.length) {
      const what = isTail ? 'its fragment' : `block ${index}`;
      throw corrupt(
        'SQUASHFS_BLOCK',
        `${what} holds ${block.length} bytes, ${start + target.length} are needed`,
      );
    }
    target.set(block.subarray(start, start + target.length));
  }

  /** A tail's share of its fragment is estimated: as much of the stored bytes as it has of a block. */
  async *extents(range: ByteRange = { start: 0, end: this.size }): AsyncGenerator<readonly BlockExtent[]> {
    assertInside(range.end - range.start, range.start, this.size, 'file');
    const { blockSize } = this.cache;
    const batch = new ExtentBatch();
    for (let at = range.start; at < range.end; ) {
      const index = Math.floor(at / blockSize);
      const word = index < this.words.length ? this.words[index]! : this.tail!.word;
      const size = word & BLOCK_SIZE_MASK;
      const end = Math.min(range.end, (index + 1) * blockSize);
      const whole =
        index < this.words.length ? Math.min(blockSize, this.size - index * blockSize) : blockSize;
      if (size === 0) batch.add({ start: at, end, kind: 'hole', stored: 0 });
      else if ((word & BLOCK_UNCOMPRESSED) !== 0)
        batch.add({ start: at, end, kind: 'data', stored: end - at });
      else {
        const stored = Math.floor((size * (end - at)) / whole);
        batch.add({ start: at, end, kind: 'data', stored, compressed: true });
      }
      at = end;
      const full = batch.takeFull();
      if (full !== undefined) yield full;
    }
    const rest = batch.takeRest();
    if (rest !== undefined) yield rest;
  }

  async close(): Promise<void> {}
}
