/**
 * Tables of metadata blocks: stretches of the disk in which blocks of up to 8 KiB, each compressed by itself, stand one
 * behind the other. A table is read in large sequential reads, every block is decoded once, several at a time, and the
 * whole is kept, because references go everywhere in it (the inodes of a system are a few MiB). What may be kept is
 * bounded, so a compressed bomb stops early.
 *
 * A reference names a block by its place on the disk and a byte in it decoded. A block that does not decode costs what
 * lies in it; the next one is found by its length.
 */
import type { Context } from '../../../core/contracts/context.ts';
import type { BlockSource } from '../../../core/contracts/source.ts';
import { corrupt, type ImgoptError, isArtifactError, unsupported } from '../../../core/errors.ts';
import { MAX_SQUASHFS_TABLE_BYTES } from '../../../core/limits.ts';
import { viewOf } from '../../../core/record.ts';
import { hex } from '../../../core/text.ts';
import { readBytes } from '../../../sources/read.ts';
import type { Decode } from './codec.ts';
import { METADATA_BLOCK_SIZE, METADATA_UNCOMPRESSED } from './layout.ts';

const READ_BYTES = 1024 * 1024;
const HEADER_SIZE = 2;

/** A decoded table. */
export class MetadataTable {
  bytes: Uint8Array<ArrayBuffer> = new Uint8Array(8 * METADATA_BLOCK_SIZE);
  length = 0;
  /** Where a block begins in `bytes`, by its place on the disk relative to the table's. */
  private readonly places = new Map<number, number>();
  /** Stretches of `bytes` whose blocks did not decode, ascending. */
  private readonly lost: { readonly start: number; readonly end: number }[] = [];
  private spent = 0;
  private readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  addBlock(place: number, block: Uint8Array | undefined): void {
    // A lost block is taken for a full one, as all but a table's last are.
    const size = block?.length ?? METADATA_BLOCK_SIZE;
    if (this.length + size > MAX_SQUASHFS_TABLE_BYTES) {
      throw unsupported(
        'SQUASHFS_TABLE_TOO_LARGE',
        `its ${this.name} is larger than ${MAX_SQUASHFS_TABLE_BYTES}`,
      );
    }
    if (this.length + size > this.bytes.length) {
      const next = new Uint8Array(Math.max(2 * this.bytes.length, this.length + size));
      next.set(this.bytes);
      this.bytes = next;
    }
    this.places.set(place, this.length);
    if (block === undefined) this.lost.push({ start: this.length, end: this.length + size });
    else this.bytes.set(block, this.length);
    this.length += size;
  }

  /**
   * Position in `bytes` of what a reference names.
   * @throws ImgoptError `corrupt` when there is no such block
   */
  position(block: number, offset: number): number {
    const start = this.places.get(block);
    if (start === undefined || offset >= METADATA_BLOCK_SIZE)
      throw corrupt('SQUASHFS_REFERENCE', `nothing begins at ${hex(block)}:${offset} of the ${this.name}`);
    return start + offset;
  }

  /** @throws ImgoptError `corrupt` when not all of these bytes are there */
  assertThere(at: number, length: number): void {
    if (at + length > this.length)
      throw corrupt('SQUASHFS_REFERENCE', `${length} bytes at ${at} reach past the end of the ${this.name}`);
    if (this.lost.some(({ start, end }) => start < at + length && at < end))
      throw corrupt('SQUASHFS_REFERENCE', `part of the ${this.name} that it needs is damaged`);
  }

  /**
   * As `assertThere`, for what has one owner: structures that lie over each other, which could make a small image
   * hold any number of files, end here.
   */
  spend(at: number, length: number): void {
    this.assertThere(at, length);
    this.spent += length;
    if (this.spent > this.length)
      throw corrupt('SQUASHFS_OVERLAP', `structures of the ${this.name} lie over each other`);
  }
}

export interface TableReader {
  readonly source: BlockSource;
  readonly context: Context;
  readonly decode: Decode;
}

/**
 * Reads the blocks in [start, end).
 * @param name for messages: `inode table`
 */
export async function readTable(
  { source, context, decode }: TableReader,
  name: string,
  start: number,
  end: number,
): Promise<MetadataTable> {
  const table = new MetadataTable(name);
  const inner = context.at(name);
  const failed = (at: number, { code, message }: ImgoptError): void =>
    inner.report('error', code.replace(/^IMGOPT_/, ''), `block at ${hex(at)}: ${message}`);
  const inFlight = Math.max(2, 2 * context.threads);
  let at = start;
  while (at + HEADER_SIZE <= end) {
    context.signal.throwIfAborted();
    const length = Math.min(READ_BYTES, end - at);
    const window = await readBytes(source, at, length);
    const view = viewOf(window);
    const blocks: { place: number; packed: Uint8Array; isPlain: boolean }[] = [];
    let used = 0;
    let isBroken = false;
    while (used + HEADER_SIZE <= length) {
      const header = view.getUint16(used, true);
      const size = header & (METADATA_UNCOMPRESSED - 1);
      const isPastEnd = at + used + HEADER_SIZE + size > end;
      if (size === 0 || size > METADATA_BLOCK_SIZE || isPastEnd) {
        const message = `claims ${size} bytes${isPastEnd ? ', past the end of its table' : ''}`;
        failed(at + used, corrupt('SQUASHFS_METADATA_SIZE', message));
        isBroken = true;
        break;
      }
      if (used + HEADER_SIZE + size > length) break;
      const packed = window.subarray(used + HEADER_SIZE, used + HEADER_SIZE + size);
      blocks.push({ place: at + used - start, packed, isPlain: (header & METADATA_UNCOMPRESSED) !== 0 });
      used += HEADER_SIZE + size;
    }
    for (let i = 0; i < blocks.length; i += inFlight) {
      const decoded = await Promise.allSettled(
        blocks
          .slice(i, i + inFlight)
          .map(async ({ packed, isPlain }) => (isPlain ? packed : decode(packed, METADATA_BLOCK_SIZE))),
      );
      for (const [j, result] of decoded.entries()) {
        const { place } = blocks[i + j]!;
        if (result.status === 'rejected') {
          if (!isArtifactError(result.reason)) throw result.reason;
          failed(start + place, result.reason);
        }
        table.addBlock(place, result.status === 'fulfilled' ? result.value : undefined);
      }
    }
    if (isBroken) break;
    at += used;
  }
  return table;
}

/** A table that is found through a list of where its blocks are: fragments, ids. */
export interface IndexedTable {
  readonly bytes: Uint8Array;
  /** Where its first block lies; undefined when it is empty. */
  readonly start: number | undefined;
}

/**
 * @param index where the list of blocks lies
 * @param length bytes of the table, decoded
 * @throws ImgoptError `corrupt`
 */
export async function readIndexed(
  reader: TableReader,
  name: string,
  index: number,
  length: number,
): Promise<IndexedTable> {
  const count = Math.ceil(length / METADATA_BLOCK_SIZE);
  const { source, decode } = reader;
  if (index + 8 * count > source.size)
    throw corrupt('SQUASHFS_TABLES', `its ${name} of ${length} bytes lies outside: at ${hex(index)}`);
  const list = viewOf(await readBytes(source, index, 8 * count));
  const bytes = new Uint8Array(length);
  let first: number | undefined;
  for (let i = 0; i < count; i++) {
    const place = list.getBigUint64(8 * i, true);
    if (place + 2n > BigInt(source.size))
      throw corrupt('SQUASHFS_TABLES', `block ${i} of its ${name} lies outside: at ${hex(place)}`);
    const at = Number(place);
    first = Math.min(first ?? at, at);
    const header = viewOf(await readBytes(source, at, HEADER_SIZE)).getUint16(0, true);
    const size = header & (METADATA_UNCOMPRESSED - 1);
    if (size === 0 || size > METADATA_BLOCK_SIZE)
      throw corrupt('SQUASHFS_METADATA_SIZE', `block ${i} of its ${name} claims ${size} bytes`);
    const packed = await readBytes(source, at + HEADER_SIZE, size);
    const block = (header & METADATA_UNCOMPRESSED) !== 0 ? packed : await decode(packed, METADATA_BLOCK_SIZE);
    const wanted = Math.min(METADATA_BLOCK_SIZE, length - i * METADATA_BLOCK_SIZE);
    if (block.length < wanted)
      throw corrupt(
        'SQUASHFS_TABLES',
        `block ${i} of its ${name} holds ${block.length} bytes, not ${wanted}`,
      );
    bytes.set(block.subarray(0, wanted), i * METADATA_BLOCK_SIZE);
  }
  return { bytes, start: first };
}
