/**
 * Directories: the short form inside of the inode, and data blocks, parsed in place.
 *
 * The larger forms (block, leaf, node, btree) differ only in where their indexes by name hash are kept: in the data
 * block itself, or in blocks of their own from 32 GiB of the directory's addresses on. All names stand in data
 * blocks, so a listing needs nothing else. Names go from the read buffer straight into the table; entry → inode and
 * → directory are kept here until all inodes are known. An entry that makes no sense ends its block: what stood
 * before it is kept.
 */
import type { FileTableBuilder } from '../../../core/file-table.ts';
import { doubled } from '../../../sources/runs.ts';
import { addName, EntryColumns } from '../tree.ts';
import { sealProblem } from './checksum.ts';
import { DIR } from './layout.ts';
import type { Geometry } from './superblock.ts';

const DOT = 0x2e;

/** Directories met so far, in columns. */
export class Directories {
  count = 0;
  slot: Uint32Array<ArrayBuffer> = new Uint32Array(256);
  inode: Float64Array<ArrayBuffer> = new Float64Array(256);
  /** What its `..` and `.` say; 0 when they were not seen. */
  parent: Float64Array<ArrayBuffer> = new Float64Array(256);
  self: Float64Array<ArrayBuffer> = new Float64Array(256);

  add(slot: number, inode: number): number {
    if (this.count === this.slot.length) {
      this.slot = doubled(this.slot);
      this.inode = doubled(this.inode);
      this.parent = doubled(this.parent);
      this.self = doubled(this.self);
    }
    const index = this.count++;
    this.slot[index] = slot;
    this.inode[index] = inode;
    return index;
  }
}

/** `logical` is the number of the directory block, -1 for the short form. */
export type DirectoryProblem = (directory: number, logical: number, code: string, message: string) => void;

export class DirectoryParser {
  readonly directories: Directories = new Directories();
  readonly entries: EntryColumns = new EntryColumns();
  private readonly builder: FileTableBuilder;
  private readonly geometry: Geometry;
  private readonly problem: DirectoryProblem;

  constructor(builder: FileTableBuilder, geometry: Geometry, problem: DirectoryProblem) {
    this.builder = builder;
    this.geometry = geometry;
    this.problem = problem;
  }

  /** The short form, in [at, end): parent and entries without `.` and `..`, numbers of four or eight bytes. */
  parseShort(directory: number, view: DataView, bytes: Uint8Array, at: number, end: number): void {
    const { directories } = this;
    directories.self[directory] = directories.inode[directory]!;
    const isWide = end - at >= 2 && view.getUint8(at + 1) > 0;
    const width = isWide ? 8 : 4;
    const header = 2 + width;
    if (end - at < header) {
      this.problem(directory, -1, 'XFS_DIRECTORY_HEADER', `its ${end - at} bytes hold no header`);
      return;
    }
    const number = (place: number): number =>
      isWide ? view.getUint32(place) * 2 ** 32 + view.getUint32(place + 4) : view.getUint32(place);
    directories.parent[directory] = number(at + 2);
    const hasType = this.geometry.hasFileType ? 1 : 0;
    let position = at + header;
    for (let left = view.getUint8(at); left > 0; left--) {
      const length = position < end ? view.getUint8(position) : 0;
      const name = position + 3;
      const next = name + length + hasType + width;
      if (length === 0 || next > end) {
        this.problem(
          directory,
          -1,
          'XFS_DIRENT_LENGTH',
          `the entry at byte ${position - at} does not fit, ${left} are missing`,
        );
        return;
      }
      const type = hasType ? view.getUint8(name + length) : 0;
      this.add(directory, -1, number(name + length + hasType), type, bytes, name, length);
      position = next;
    }
  }

  /**
   * Appends the entries of a data block at `at`.
   * @param block its first block, counted from the volume's start
   * @param logical number of the directory block, for messages
   */
  parseBlock(
    directory: number,
    block: number,
    logical: number,
    view: DataView,
    bytes: Uint8Array,
    at: number,
  ): void {
    const { geometry, directories } = this;
    const { hasCrc, hasFileType, directoryBlockSize: size } = geometry;
    const magic = view.getUint32(at);
    const isWhole = magic === (hasCrc ? DIR.blockMagic.crc : DIR.blockMagic.plain);
    if (!isWhole && magic !== (hasCrc ? DIR.dataMagic.crc : DIR.dataMagic.plain)) {
      this.problem(directory, logical, 'XFS_DIRECTORY_MAGIC', 'the block is no directory block');
      return;
    }
    if (hasCrc) {
      const problem = sealProblem(geometry, DIR, view, at, size, block, directories.inode[directory]!);
      // What the entries say is then shown all the same: a name that is wrong is better than one that is missing.
      if (problem !== undefined)
        this.problem(directory, logical, 'XFS_DIRECTORY_CHECKSUM', `the block ${problem}`);
    }
    let end = at + size;
    if (isWhole) {
      const leaves = view.getUint32(end - DIR.tailSize);
      end -= DIR.tailSize + DIR.leafEntrySize * leaves;
      if (end < at + (hasCrc ? DIR.headerSizeCrc : DIR.headerSize)) {
        this.problem(directory, logical, 'XFS_DIRECTORY_HEADER', `the block claims ${leaves} leaf entries`);
        return;
      }
    }
    const typeSize = hasFileType ? 1 : 0;
    let position = at + (hasCrc ? DIR.headerSizeCrc : DIR.headerSize);
    while (position < end) {
      if (view.getUint16(position) === DIR.freeTag) {
        const length = view.getUint16(position + 2);
        if (length < DIR.align || length % DIR.align !== 0 || position + length > end) {
          this.problem(
            directory,
            logical,
            'XFS_DIRENT_LENGTH',
            `${length} unused bytes at byte ${position - at}`,
          );
          return;
        }
        position += length;
        continue;
      }
      const length = position + 9 < end ? view.getUint8(position + 8) : 0;
      const name = position + 9;
      const next = position + ((9 + length + typeSize + 2 + (DIR.align - 1)) & ~(DIR.align - 1));
      if (length === 0 || next > end) {
        this.problem(
          directory,
          logical,
          'XFS_DIRENT_LENGTH',
          `a name of ${length} bytes at byte ${position - at}`,
        );
        return;
      }
      if (view.getUint16(next - 2) !== position - at) {
        this.problem(
          directory,
          logical,
          'XFS_DIRENT_TAG',
          `the entry at byte ${position - at} says it is elsewhere`,
        );
        return;
      }
      const high = view.getUint32(position);
      const inode = high * 2 ** 32 + view.getUint32(position + 4);
      if (bytes[name] === DOT && length === 1) directories.self[directory] = inode;
      else if (bytes[name] === DOT && length === 2 && bytes[name + 1] === DOT) {
        directories.parent[directory] = inode;
      } else {
        const type = hasFileType ? view.getUint8(name + length) : 0;
        this.add(directory, logical, inode, type, bytes, name, length);
      }
      position = next;
    }
  }

  /** '/' and NUL cannot be in a name: they are damage, and become '?'. */
  private add(
    directory: number,
    logical: number,
    inode: number,
    type: number,
    bytes: Uint8Array,
    start: number,
    length: number,
  ): void {
    this.entries.add(inode, directory, type);
    if (!addName(this.builder, bytes, start, length)) {
      this.problem(directory, logical, 'XFS_DIRENT_NAME', "a name holds '/' or NUL, shown as '?'");
    }
  }
}
