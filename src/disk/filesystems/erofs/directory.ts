/**
 * Directories: blocks that each begin with their entries, in order of names, and hold the names behind them. A name
 * ends where the next begins, the last one at a zero byte or with the block.
 */
import { corrupt } from '../../../core/errors.ts';
import type { FileTableBuilder } from '../../../core/file-table.ts';
import { MAX_EROFS_ENTRIES } from '../../../core/limits.ts';
import { viewOf } from '../../../core/record.ts';
import { addName, EntryColumns, type TreeDirectories } from '../tree.ts';
import { DIRENT } from './layout.ts';

const DOT = 0x2e;
const LONGEST_NAME = 255;

/** Directories met, in columns. */
export class DirectoryColumns implements TreeDirectories {
  readonly slot: number[] = [];
  readonly inode: number[] = [];
  readonly parent: number[] = [];
  readonly self: number[] = [];

  get count(): number {
    return this.slot.length;
  }

  /** @param self what its entry '.' would say when it has none by design; 0 when it must have one */
  add(slot: number, inode: number, self: number): number {
    this.inode.push(inode);
    this.parent.push(0);
    this.self.push(self);
    return this.slot.push(slot) - 1;
  }
}

export class DirectoryParser {
  readonly directories: DirectoryColumns = new DirectoryColumns();
  readonly entries: EntryColumns = new EntryColumns();
  private readonly builder: FileTableBuilder;
  private readonly found: (inode: number) => void;
  private readonly badName: (directory: number) => void;

  /**
   * @param found is told of every inode that an entry names
   * @param badName is told when a name holds what no name can
   */
  constructor(
    builder: FileTableBuilder,
    found: (inode: number) => void,
    badName: (directory: number) => void,
  ) {
    this.builder = builder;
    this.found = found;
    this.badName = badName;
  }

  /**
   * @param bytes one block, cut where the directory ends
   * @throws ImgoptError `corrupt`; entries before the damage stay
   */
  parseBlock(directory: number, bytes: Uint8Array): void {
    const view = viewOf(bytes);
    const names = bytes.length < DIRENT.size ? 0 : view.getUint16(DIRENT.nameoff, true);
    if (names < DIRENT.size || names % DIRENT.size !== 0 || names >= bytes.length)
      throw corrupt('EROFS_DIRECTORY', `names begin at byte ${names} of a block of ${bytes.length}`);
    for (let at = 0; at < names; at += DIRENT.size) {
      const start = view.getUint16(at + DIRENT.nameoff, true);
      const isLast = at + DIRENT.size === names;
      let end = isLast ? bytes.length : view.getUint16(at + DIRENT.size + DIRENT.nameoff, true);
      if (isLast && start < end) {
        const zero = bytes.indexOf(0, start);
        if (zero >= 0) end = zero;
      }
      if (start < names || end <= start || end > bytes.length || end - start > LONGEST_NAME)
        throw corrupt('EROFS_DIRECTORY', `a name reaches from byte ${start} to ${end} of a block`);
      // Larger numbers than 2^53 lose their last bits here, and no inode can stand there.
      const inode =
        view.getUint32(at + DIRENT.nid, true) + view.getUint32(at + DIRENT.nid + 4, true) * 2 ** 32;
      this.takeEntry(directory, inode, bytes[at + DIRENT.file_type]!, bytes, start, end - start);
    }
  }

  private takeEntry(
    directory: number,
    inode: number,
    type: number,
    bytes: Uint8Array,
    name: number,
    length: number,
  ): void {
    const { directories, entries, builder } = this;
    if (bytes[name] === DOT && length === 1) {
      directories.self[directory] = inode;
      return;
    }
    if (bytes[name] === DOT && length === 2 && bytes[name + 1] === DOT) {
      directories.parent[directory] = inode;
      return;
    }
    if (entries.count >= MAX_EROFS_ENTRIES)
      throw corrupt('EROFS_ENTRIES', `more than ${MAX_EROFS_ENTRIES} entries`);
    if (!addName(builder, bytes, name, length)) this.badName(directory);
    entries.add(inode, directory, type);
    this.found(inode);
  }
}
