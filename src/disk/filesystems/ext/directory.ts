/**
 * Directory blocks, parsed in place.
 *
 * A linear walk over a block reads linear and hashed directories alike: the roots and interior nodes of a hash
 * tree are dressed as empty entries (Documentation/filesystems/ext4/directory.rst), and so are the checksums at
 * a block's end. Names go from the read buffer straight into the table; entry number → inode and → directory
 * are kept here until all inodes are known. A record length that makes no sense ends its block: what stood
 * before it is kept.
 */
import type { FileTableBuilder } from '../../../core/file-table.ts';
import { doubled } from '../../../sources/runs.ts';
import { addName, EntryColumns } from '../tree.ts';
import { recordLength } from './checksum.ts';
import { DIRENT } from './layout.ts';

const DOT = 0x2e;

/** Directories met so far, in columns. */
export class Directories {
  count = 0;
  slot: Uint32Array<ArrayBuffer> = new Uint32Array(256);
  /** What its `..` says; 0 when it was not seen. */
  parent: Uint32Array<ArrayBuffer> = new Uint32Array(256);
  /** What its `.` says; 0 when it was not seen. */
  self: Uint32Array<ArrayBuffer> = new Uint32Array(256);
  /** Seed of its checksums. */
  seed: Uint32Array<ArrayBuffer> = new Uint32Array(256);
  /** Blocks that its size makes. */
  blocks: Float64Array<ArrayBuffer> = new Float64Array(256);
  encrypted: Uint8Array<ArrayBuffer> = new Uint8Array(256);

  add(slot: number, seed: number, blocks: number, encrypted: boolean): number {
    if (this.count === this.slot.length) {
      this.slot = doubled(this.slot);
      this.parent = doubled(this.parent);
      this.self = doubled(this.self);
      this.seed = doubled(this.seed);
      this.blocks = doubled(this.blocks);
      this.encrypted = doubled(this.encrypted);
    }
    const index = this.count++;
    this.slot[index] = slot;
    this.seed[index] = seed;
    this.blocks[index] = blocks;
    this.encrypted[index] = encrypted ? 1 : 0;
    return index;
  }
}

export type DirectoryProblem = (directory: number, logical: number, code: string, message: string) => void;

export class DirectoryParser {
  readonly directories: Directories = new Directories();
  readonly entries: EntryColumns = new EntryColumns();
  private readonly builder: FileTableBuilder;
  private readonly hasFileType: boolean;
  private readonly inodes: number;
  private readonly problem: DirectoryProblem;

  constructor(builder: FileTableBuilder, hasFileType: boolean, inodes: number, problem: DirectoryProblem) {
    this.builder = builder;
    this.hasFileType = hasFileType;
    this.inodes = inodes;
    this.problem = problem;
  }

  /**
   * Appends the entries in [at, end).
   * @param logical number of the block in its directory, for messages
   * @param blockSize the length that rec_len is coded for
   */
  parse(
    directory: number,
    logical: number,
    view: DataView,
    bytes: Uint8Array,
    at: number,
    end: number,
    blockSize: number,
  ): void {
    const { directories, entries, builder, inodes, hasFileType } = this;
    const wide = blockSize >= 65536;
    let position = at;
    while (position + DIRENT.headerSize <= end) {
      let length = view.getUint16(position + 4, true);
      if (wide) length = recordLength(length, blockSize);
      const nameLength = hasFileType ? view.getUint8(position + 6) : view.getUint16(position + 6, true);
      const inode = view.getUint32(position, true);
      const next = position + length;
      if (length < DIRENT.headerSize || (length & 3) !== 0 || next > end) {
        this.problem(
          directory,
          logical,
          'EXT_DIRENT_LENGTH',
          `rec_len ${length} at byte ${position - at} makes no sense`,
        );
        return;
      }
      if (inode === 0) {
        position = next;
        continue;
      }
      const start = position + DIRENT.nameAt;
      if (nameLength === 0 || nameLength > DIRENT.maxName || nameLength > length - DIRENT.headerSize) {
        this.problem(
          directory,
          logical,
          'EXT_DIRENT_NAME',
          `name of ${nameLength} bytes at byte ${position - at}`,
        );
        if (nameLength > length - DIRENT.headerSize) return;
        position = next;
        continue;
      }
      if (view.getUint8(start) === DOT && nameLength <= 2) {
        if (nameLength === 1) {
          directories.self[directory] = inode;
          position = next;
          continue;
        }
        if (view.getUint8(start + 1) === DOT) {
          directories.parent[directory] = inode;
          position = next;
          continue;
        }
      }
      if (inode > inodes) {
        this.problem(directory, logical, 'EXT_DIRENT_INODE', `entry points to inode ${inode} of ${inodes}`);
      }
      const type = hasFileType ? view.getUint8(position + 7) : 0;
      entries.add(inode, directory, type);
      // Ciphertext has '/' and NUL by chance and is no path anyway; elsewhere they are damage.
      if (!addName(builder, bytes, start, nameLength) && directories.encrypted[directory] === 0) {
        this.problem(directory, logical, 'EXT_DIRENT_NAME', "a name holds '/' or NUL, shown as '?'");
      }
      position = next;
    }
    if (position !== end) {
      this.problem(
        directory,
        logical,
        'EXT_DIRENT_LENGTH',
        `entries end at byte ${position - at} of ${end - at}`,
      );
    }
  }
}
