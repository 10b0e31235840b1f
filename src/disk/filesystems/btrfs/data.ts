/**
 * Content of extents, by address: from the first copy whose checksums hold. The checksum tree is looked up for every
 * read that asks for it; its leaves are kept, one of them covers some 16 MiB, and a sum costs less than the read.
 */
import { hasChecksum } from '../../../core/block-checksum.ts';
import { corrupt, type ImgoptError, isArtifactError } from '../../../core/errors.ts';
import { viewOf } from '../../../core/record.ts';
import { hex } from '../../../core/text.ts';
import type { Chunk } from './chunks.ts';
import { type Key, keyOf } from './keys.ts';
import { ITEM, NEGATIVE } from './layout.ts';
import type { TreeSearch } from './tree.ts';
import type { TreeRoot, Volume } from './volume.ts';

/** Checksums of sectors one behind the other; those that the tree does not have are left out. */
interface Sums {
  readonly view: DataView;
  readonly isThere: Uint8Array;
}

export class DataReader {
  private readonly volume: Volume;
  private readonly search: TreeSearch;
  private readonly root: TreeRoot | undefined;

  /** @param root of the checksum tree; undefined when there is none */
  constructor(volume: Volume, search: TreeSearch, root: TreeRoot | undefined) {
    this.volume = volume;
    this.search = search;
    this.root = root;
  }

  /**
   * Fills `target` with what stands at an address; all of it in one chunk.
   * @param isChecked the file keeps checksums
   * @throws `corrupt` when no copy can be read or none has the right checksum
   */
  async read(target: Uint8Array, address: number, isChecked: boolean): Promise<void> {
    const { sectorSize } = this.volume.superblock;
    const start = Math.floor(address / sectorSize) * sectorSize;
    const end = Math.ceil((address + target.length) / sectorSize) * sectorSize;
    const chunk = this.volume.chunks.find(start, end - start);
    if (chunk === undefined) throw corrupt('BTRFS_ADDRESS', `${hex(address)} is in no chunk`);
    const sums = isChecked && this.root !== undefined ? await this.sums(this.root, start, end) : undefined;
    if (sums === undefined) {
      await this.readAny(chunk, target, address, () => undefined);
      return;
    }
    const isWhole = start === address && end === address + target.length;
    const bytes = isWhole ? target : new Uint8Array(end - start);
    let damage: ImgoptError | undefined;
    try {
      await this.readAny(chunk, bytes, start, () => undefined);
    } catch (error) {
      if (!isArtifactError(error)) throw error;
      damage = error;
    }
    for (let at = 0; at < bytes.length; at += sectorSize) {
      if (damage === undefined && this.problemOf(bytes, at, sums, at / sectorSize) === undefined) continue;
      const sector = bytes.subarray(at, at + sectorSize);
      await this.readAny(chunk, sector, start + at, () => this.problemOf(sector, 0, sums, at / sectorSize));
    }
    if (!isWhole) target.set(bytes.subarray(address - start, address - start + target.length));
  }

  /** Reads the first copy that nothing is wrong with. */
  private async readAny(
    chunk: Chunk,
    target: Uint8Array,
    address: number,
    problem: () => ImgoptError | undefined,
  ): Promise<void> {
    let damage: ImgoptError | undefined;
    for (const copy of chunk.copies) {
      if (copy === null) continue;
      try {
        await copy.read(target, address - chunk.logical);
        const found = problem();
        if (found === undefined) return;
        damage ??= found.within(hex(address));
      } catch (error) {
        if (!isArtifactError(error)) throw error;
        damage ??= error;
      }
    }
    throw damage ?? corrupt('BTRFS_DEVICE_MISSING', `no device that holds ${hex(address)} is here`);
  }

  private problemOf(bytes: Uint8Array, at: number, sums: Sums, sector: number): ImgoptError | undefined {
    const { sectorSize, checksum } = this.volume.superblock;
    if (sums.isThere[sector] === 0) return undefined;
    const place = sector * checksum.bytes;
    if (hasChecksum(checksum, bytes, at, at + sectorSize, sums.view, place)) return undefined;
    return corrupt('BTRFS_DATA_CHECKSUM', 'its content fails its checksum');
  }

  private async sums(root: TreeRoot, start: number, end: number): Promise<Sums | undefined> {
    const { sectorSize, checksum } = this.volume.superblock;
    const sectors = (end - start) / sectorSize;
    const bytes = new Uint8Array(sectors * checksum.bytes);
    const isThere = new Uint8Array(sectors);
    let isAny = false;
    await this.search.items(root, sumKey(start), sumKey(end - 1), (item) => {
      if (item.key.type !== ITEM.extentCsum) return;
      const first = offsetOf(item.key);
      const count = Math.floor(item.size / checksum.bytes);
      const from = Math.max(0, (start - first) / sectorSize);
      const to = Math.min(count, (end - first) / sectorSize);
      for (let i = from; i < to; i++) {
        const sector = (first - start) / sectorSize + i;
        const place = item.at + i * checksum.bytes;
        bytes.set(item.bytes.subarray(place, place + checksum.bytes), sector * checksum.bytes);
        isThere[sector] = 1;
        isAny = true;
      }
    });
    return isAny ? { view: viewOf(bytes), isThere } : undefined;
  }
}

function sumKey(address: number): Key {
  return { ...keyOf(0, ITEM.extentCsum, address), high: NEGATIVE.high, low: NEGATIVE.checksum };
}

function offsetOf({ offsetHigh, offsetLow }: Key): number {
  return offsetHigh * 4294967296 + offsetLow;
}
