/**
 * Chunks: where on the devices the filesystem's own address space lies. Every address of a node or an extent is one
 * of that space; a chunk maps a stretch of it to one place, to several copies, or to stripes that take turns.
 */
import type { BlockSource } from '../../../core/contracts/source.ts';
import { corrupt, unsupported } from '../../../core/errors.ts';
import type { ByteRange } from '../../../core/extents.ts';
import { MAX_BTRFS_CHUNKS } from '../../../core/limits.ts';
import { readU64, viewOf } from '../../../core/record.ts';
import { hex } from '../../../core/text.ts';
import { type SpannedSource, spannedSource } from '../../../sources/spanned.ts';
import type { Device } from './devices.ts';
import { CHUNK, CHUNK_TYPE, ITEM, KEY, STRIPE } from './layout.ts';

export interface Stripe {
  readonly device: number;
  /** On the device. */
  readonly start: number;
}

export interface Chunk {
  readonly logical: number;
  readonly length: number;
  /** CHUNK_TYPE bits. */
  readonly type: number;
  readonly stripes: readonly Stripe[];
  /** Bytes that one stripe holds of it. */
  readonly stripeBytes: number;
  /** Each a whole image of the chunk; null where a device is missing. */
  readonly copies: readonly (SpannedSource | null)[];
}

const PROFILES: readonly (readonly [bit: number, name: string])[] = [
  [CHUNK_TYPE.raid0, 'RAID0'],
  [CHUNK_TYPE.raid1, 'RAID1'],
  [CHUNK_TYPE.dup, 'DUP'],
  [CHUNK_TYPE.raid10, 'RAID10'],
  [CHUNK_TYPE.raid5, 'RAID5'],
  [CHUNK_TYPE.raid6, 'RAID6'],
  [CHUNK_TYPE.raid1c3, 'RAID1C3'],
  [CHUNK_TYPE.raid1c4, 'RAID1C4'],
];
const KINDS = CHUNK_TYPE.data | CHUNK_TYPE.system | CHUNK_TYPE.metadata;

interface ParsedChunk {
  readonly logical: number;
  readonly length: number;
  readonly type: number;
  readonly stripeLength: number;
  readonly stripes: readonly Stripe[];
}

/**
 * One chunk item of `size` bytes at byte `at`.
 * @throws `corrupt` when it contradicts itself, `unsupported` for RAID5, RAID6 and unknown profiles
 */
function parseChunk(
  view: DataView,
  at: number,
  size: number,
  logical: number,
  sectorSize: number,
): ParsedChunk {
  const wrong = (what: string): Error => corrupt('BTRFS_CHUNK', `the chunk at ${hex(logical)} ${what}`);
  if (size < CHUNK.firstStripe + CHUNK.stripeBytes) throw wrong(`has an item of ${size} bytes`);
  const count = view.getUint16(at + CHUNK.stripes, true);
  if (CHUNK.firstStripe + count * CHUNK.stripeBytes !== size || count === 0) {
    throw wrong(`counts ${count} stripes in ${size} bytes`);
  }
  const length = readU64(view, at + CHUNK.length, true);
  const stripeLength = readU64(view, at + CHUNK.stripeLength, true);
  const type = readU64(view, at + CHUNK.type, true);
  const subStripes = view.getUint16(at + CHUNK.subStripes, true);
  const profile = type - (type & KINDS);
  const name = PROFILES.find(([bit]) => bit === profile)?.[1];
  if (profile !== 0 && name === undefined) {
    throw unsupported('BTRFS_PROFILE', `the chunk at ${hex(logical)} has the profile ${hex(profile)}`);
  }
  if (name === 'RAID5' || name === 'RAID6') {
    throw unsupported('BTRFS_RAID56', `has chunks of ${name}, which imgopt cannot read`);
  }
  if ((type & KINDS) === 0) throw wrong(`has the type ${hex(type)}`);
  if (length === 0 || length % sectorSize !== 0 || logical % sectorSize !== 0)
    throw wrong(`has ${length} bytes`);
  if (!Number.isSafeInteger(logical + length)) throw wrong('reaches past 2^53');
  if (stripeLength < sectorSize || stripeLength % sectorSize !== 0)
    throw wrong(`has stripes of ${stripeLength}`);
  const stripes: Stripe[] = [];
  for (let i = 0; i < count; i++) {
    const place = at + CHUNK.firstStripe + i * CHUNK.stripeBytes;
    const start = readU64(view, place + STRIPE.offset, true);
    if (start % sectorSize !== 0) throw wrong(`has a stripe at byte ${start} of its device`);
    stripes.push({ device: readU64(view, place + STRIPE.devid, true), start });
  }
  const wanted: Readonly<Record<string, number>> = { DUP: 2, RAID1C3: 3, RAID1C4: 4 };
  const expected = name === undefined ? 1 : wanted[name];
  if (expected !== undefined && count !== expected)
    throw wrong(`is ${name ?? 'single'} with ${count} stripes`);
  if (name === 'RAID10' && (subStripes !== 2 || count % 2 !== 0)) {
    throw wrong(`is RAID10 with ${count} stripes, ${subStripes} of them together`);
  }
  const isStriped = name === 'RAID0' || name === 'RAID10';
  const columns = name === 'RAID0' ? count : name === 'RAID10' ? count / 2 : 1;
  if (isStriped && length % (columns * stripeLength) !== 0) {
    throw wrong(`shares its ${length} bytes out unevenly over ${columns} stripes`);
  }
  return { logical, length, type, stripeLength, stripes };
}

/** All chunks of a filesystem. */
export class ChunkMap {
  private readonly source: BlockSource;
  private readonly devices: ReadonlyMap<number, Device>;
  private readonly sectorSize: number;
  /** Ascending. */
  private chunks: Chunk[] = [];
  private readonly missingDevices = new Set<number>();

  constructor(source: BlockSource, devices: ReadonlyMap<number, Device>, sectorSize: number) {
    this.source = source;
    this.devices = devices;
    this.sectorSize = sectorSize;
  }

  get all(): readonly Chunk[] {
    return this.chunks;
  }

  /** Numbers of devices that chunks lie on and that are not here. */
  get missing(): readonly number[] {
    return [...this.missingDevices].sort((a, b) => a - b);
  }

  /** The superblock's list of chunks, keys and items in turn. @throws `corrupt` */
  addSystemChunks(bytes: Uint8Array): void {
    const view = viewOf(bytes);
    for (let at = 0; at < bytes.length; ) {
      const item = at + KEY.bytes;
      const count = item + CHUNK.firstStripe <= bytes.length ? view.getUint16(item + CHUNK.stripes, true) : 0;
      const size = CHUNK.firstStripe + count * CHUNK.stripeBytes;
      if (count === 0 || item + size > bytes.length || view.getUint8(at + KEY.type) !== ITEM.chunkItem) {
        throw corrupt('BTRFS_SYSTEM_CHUNKS', "the superblock's list of chunks breaks off");
      }
      this.add(view, item, size, readU64(view, at + KEY.offset, true));
      at = item + size;
    }
    this.finish();
  }

  /** Takes over a chunk item; one that is known already (from the superblock) must say the same place. */
  add(view: DataView, at: number, size: number, logical: number): void {
    const parsed = parseChunk(view, at, size, logical, this.sectorSize);
    if (this.chunks.length >= MAX_BTRFS_CHUNKS) {
      throw unsupported('BTRFS_TOO_MANY_CHUNKS', `more than ${MAX_BTRFS_CHUNKS} chunks`);
    }
    const { length, type, stripeLength, stripes } = parsed;
    const isMirror10 = (type & CHUNK_TYPE.raid10) !== 0;
    const isStriped = isMirror10 || (type & CHUNK_TYPE.raid0) !== 0;
    const copyCount = isMirror10 ? 2 : isStriped ? 1 : stripes.length;
    const columns = stripes.length / copyCount;
    const stripeBytes = length / columns;
    const copies = Array.from({ length: copyCount }, (_, copy) => {
      const own = stripes.filter((_stripe, i) => i % copyCount === copy);
      const places = own.map((stripe) => this.placeOf(logical, stripe, stripeBytes));
      if (places.some((place) => place === undefined)) return null;
      const segment = {
        start: 0,
        end: length,
        stripes: places.map((place) => ({ member: 0, start: place! })),
        stripeBytes: stripeLength,
      };
      return spannedSource(`chunk ${hex(logical)}`, [segment], [this.source]);
    });
    this.chunks.push({ logical, length, type, stripes, stripeBytes, copies });
  }

  private placeOf(logical: number, { device, start }: Stripe, length: number): number | undefined {
    const found = this.devices.get(device);
    if (found === undefined) {
      this.missingDevices.add(device);
      return undefined;
    }
    if (start + length > found.size) {
      throw corrupt(
        'BTRFS_CHUNK',
        `the chunk at ${hex(logical)} ends behind device ${device}, which has ${found.size} bytes`,
      );
    }
    return found.start + start;
  }

  /** To be called after `add`. @throws `corrupt` when two chunks overlap */
  finish(): void {
    this.chunks.sort((a, b) => a.logical - b.logical);
    const chunks: Chunk[] = [];
    for (const chunk of this.chunks) {
      const last = chunks.at(-1);
      if (last === undefined || chunk.logical >= last.logical + last.length) chunks.push(chunk);
      else if (!isSame(chunk, last)) {
        throw corrupt('BTRFS_CHUNK', `two chunks hold the address ${hex(chunk.logical)}`);
      }
    }
    this.chunks = chunks;
  }

  /** The chunk that holds `length` bytes at an address, or undefined when none holds them all. */
  find(logical: number, length: number): Chunk | undefined {
    const { chunks } = this;
    let low = 0;
    let high = chunks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (chunks[middle]!.logical <= logical) low = middle + 1;
      else high = middle;
    }
    const chunk = chunks[low - 1];
    return chunk !== undefined && logical + length <= chunk.logical + chunk.length ? chunk : undefined;
  }

  /** Where a range of addresses lies in the source, in all copies that are there. @throws `corrupt` outside of chunks */
  placesOf(start: number, end: number): ByteRange[] {
    const chunk = this.find(start, end - start);
    if (chunk === undefined) throw corrupt('BTRFS_ADDRESS', `${hex(start)} is in no chunk`);
    const range = { start: start - chunk.logical, end: end - chunk.logical };
    return chunk.copies.flatMap((copy) => copy?.toMembers(range) ?? []);
  }
}

function isSame(a: Chunk, b: Chunk): boolean {
  return (
    a.logical === b.logical &&
    a.length === b.length &&
    a.type === b.type &&
    a.stripes.length === b.stripes.length &&
    a.stripes.every(
      ({ device, start }, i) => device === b.stripes[i]!.device && start === b.stripes[i]!.start,
    )
  );
}
