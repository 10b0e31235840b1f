/**
 * The scan: a walk from the root, breadth first. Both tables are in memory, so nothing is awaited on the way; entries
 * refer to inodes, and inodes of directories to their listings. A reference that leads back to a directory already met
 * is reported and not followed; structures that lie over each other end at what their table holds.
 */
import type { Context } from '../../../core/contracts/context.ts';
import { corrupt, type ImgoptError, isArtifactError } from '../../../core/errors.ts';
import { FILE_FLAG, FILE_TYPE, type FileTableBuilder } from '../../../core/file-table.ts';
import { MAX_DIRECTORY_DEPTH, MAX_SQUASHFS_ENTRIES } from '../../../core/limits.ts';
import { viewOf } from '../../../core/record.ts';
import { addName } from '../tree.ts';
import { type Inode, readInode, storedInBlocks, typeOfEntry } from './inodes.ts';
import {
  BLOCK_SIZE_MASK,
  DIRECTORY_COUNT,
  DIRECTORY_ENTRY_SIZE,
  DIRECTORY_HEADER_SIZE,
  FRAGMENT_ENTRY_SIZE,
} from './layout.ts';
import type { MetadataTable } from './metadata.ts';

export interface ScanInput {
  readonly context: Context;
  readonly blockSize: number;
  readonly root: number;
  readonly inodes: MetadataTable;
  readonly directories: MetadataTable;
  /** Owners and groups by position. */
  readonly ids: Uint32Array;
  /** The fragment table, decoded. */
  readonly fragments: Uint8Array;
}

interface Directory {
  readonly entry: number;
  readonly inode: Inode;
  readonly depth: number;
}

interface Linked {
  readonly entry: number;
  readonly inode: Inode;
  seen: number;
}

const DOT = 0x2e;

export class SquashfsScan {
  private readonly input: ScanInput;
  private readonly builder: FileTableBuilder;
  private readonly visited = new Set<number>();
  /** What has several links, by reference. */
  private readonly linked = new Map<number, Linked>();
  private readonly queue: Directory[] = [];
  /** Of files with a tail: table entry, fragment, length, and what their blocks occupy. */
  private readonly tails: { entry: number[]; fragment: number[]; length: number[]; stored: number[] } = {
    entry: [],
    fragment: [],
    length: [],
    stored: [],
  };
  private readonly laterLinks: [later: number, first: number][] = [];
  private entries = 0;

  constructor(input: ScanInput, builder: FileTableBuilder) {
    this.input = input;
    this.builder = builder;
  }

  /** @throws ImgoptError `corrupt` when there is no readable root directory */
  run(): void {
    const { builder, input } = this;
    const root = this.takeInode(input.root);
    if (root.listing === undefined) throw corrupt('SQUASHFS_ROOT', 'the root is no directory');
    const entry = builder.add(-1, new Uint8Array(0));
    this.visited.add(input.root);
    this.setEntry(entry, root, input.root, 0);
    this.queue.push({ entry, inode: root, depth: 0 });
    for (let next = 0; next < this.queue.length; next++) {
      if (next % 1024 === 0) input.context.signal.throwIfAborted();
      const directory = this.queue[next]!;
      try {
        this.readDirectory(directory);
      } catch (error) {
        if (!isArtifactError(error)) throw error;
        this.report(directory.inode.number, error);
      }
    }
    this.shareFragments();
    for (const { inode, seen } of this.linked.values()) {
      if (seen === inode.links) continue;
      input.context
        .at(`inode ${inode.number}`)
        .report('warning', 'SQUASHFS_LINK_COUNT', `counts ${inode.links} links, ${seen} are there`);
    }
  }

  private report(inode: number, { code, message }: ImgoptError): void {
    this.input.context.at(`inode ${inode}`).report('error', code.replace(/^IMGOPT_/, ''), message);
  }

  private takeInode(reference: number): Inode {
    const { inodes, blockSize } = this.input;
    const inode = readInode(inodes, reference, blockSize);
    inodes.spend(inodes.position(Math.floor(reference / 65536), reference % 65536), inode.length);
    return inode;
  }

  private readDirectory(directory: Directory): void {
    const { directories } = this.input;
    const { block, offset, length } = directory.inode.listing!;
    if (length === 0) return;
    let at = directories.position(block, offset);
    directories.spend(at, length);
    const end = at + length;
    const { bytes } = directories;
    const view = viewOf(bytes);
    while (at < end) {
      if (at + DIRECTORY_HEADER_SIZE > end)
        throw corrupt('SQUASHFS_DIRECTORY', 'its listing ends in a header');
      const count = view.getUint32(at, true) + 1;
      const inodeBlock = view.getUint32(at + 4, true);
      at += DIRECTORY_HEADER_SIZE;
      if (count > DIRECTORY_COUNT)
        throw corrupt('SQUASHFS_DIRECTORY', `${count} entries behind one header, 256 is the most`);
      for (let i = 0; i < count; i++) {
        const name = at + DIRECTORY_ENTRY_SIZE;
        const nameLength = name <= end ? view.getUint16(at + 6, true) + 1 : 0;
        if (nameLength > 256 || name + nameLength > end)
          throw corrupt('SQUASHFS_DIRECTORY', 'an entry reaches past the end of its listing');
        const reference = inodeBlock * 65536 + view.getUint16(at, true);
        this.takeEntry(directory, reference, view.getUint16(at + 4, true), bytes, name, nameLength);
        at = name + nameLength;
      }
    }
  }

  private takeEntry(
    directory: Directory,
    reference: number,
    stated: number,
    bytes: Uint8Array,
    name: number,
    length: number,
  ): void {
    const { builder, input } = this;
    const { context } = input;
    const parent = directory.inode.number;
    const complain = (message: string): void =>
      context.at(`inode ${parent}`).report('error', 'SQUASHFS_NAME', message);
    if (bytes[name] === DOT && (length === 1 || (length === 2 && bytes[name + 1] === DOT))) {
      complain("an entry is called '.' or '..'");
      return;
    }
    if (++this.entries > MAX_SQUASHFS_ENTRIES)
      throw corrupt('SQUASHFS_ENTRIES', `more than ${MAX_SQUASHFS_ENTRIES} entries`);
    const entry = builder.count;
    if (!addName(builder, bytes, name, length)) complain("a name holds '/' or a zero byte");
    builder.setParent(entry, directory.entry);
    if (this.visited.has(reference)) {
      builder.set(entry, FILE_TYPE.directory, 0, 0, 0, 0, 0, 0, reference, 0, FILE_FLAG.secondaryLink);
      const message = 'an entry leads to a directory that has another place in the tree';
      context.at(`inode ${parent}`).report('error', 'SQUASHFS_DIRECTORY_TWICE', message);
      return;
    }
    const known = this.linked.get(reference);
    if (known !== undefined) {
      known.seen++;
      this.setEntry(entry, known.inode, reference, FILE_FLAG.secondaryLink);
      this.laterLinks.push([entry, known.entry]);
      return;
    }
    let inode: Inode;
    try {
      inode = this.takeInode(reference);
    } catch (error) {
      if (!isArtifactError(error)) throw error;
      builder.set(entry, typeOfEntry(stated), 0, 0, 0, 0, 0, 0, reference, 0, FILE_FLAG.damaged);
      this.report(parent, error);
      return;
    }
    if (inode.type !== typeOfEntry(stated)) {
      context
        .at(`inode ${inode.number}`)
        .report('warning', 'SQUASHFS_DIRENT_TYPE', 'the type of an entry differs from its inode');
    }
    this.setEntry(entry, inode, reference, 0);
    if (inode.listing !== undefined) {
      this.visited.add(reference);
      if (directory.depth + 1 > MAX_DIRECTORY_DEPTH)
        throw corrupt('SQUASHFS_DEPTH', `directories more than ${MAX_DIRECTORY_DEPTH} deep`);
      this.queue.push({ entry, inode, depth: directory.depth + 1 });
    } else if (inode.links > 1) this.linked.set(reference, { entry, inode, seen: 1 });
  }

  private setEntry(entry: number, inode: Inode, reference: number, flags: number): void {
    const { input, builder, tails } = this;
    const { data } = inode;
    let stored = 0;
    let compressed = 0;
    if (data !== undefined && inode.size > 0) {
      stored = storedInBlocks(input.inodes, data);
      compressed = FILE_FLAG.compressed;
      if (data.tail !== undefined && (flags & FILE_FLAG.secondaryLink) === 0) {
        tails.entry.push(entry);
        tails.fragment.push(data.tail.fragment);
        tails.length.push(data.tail.length);
        tails.stored.push(stored);
      }
    }
    builder.set(
      entry,
      inode.type,
      inode.mode,
      this.idOf(inode, inode.uid),
      this.idOf(inode, inode.gid),
      inode.links,
      inode.size,
      stored,
      reference,
      inode.modified,
      flags | compressed,
    );
  }

  private idOf(inode: Inode, position: number): number {
    const id = this.input.ids[position];
    if (id !== undefined) return id;
    const message = `its owner is number ${position} of ${this.input.ids.length} ids`;
    this.report(inode.number, corrupt('SQUASHFS_ID', message));
    return 0;
  }

  /** Each tail gets of its fragment's stored bytes what it has of all tails in it; the shares add up. */
  private shareFragments(): void {
    const { tails, builder, input } = this;
    const count = Math.floor(input.fragments.length / FRAGMENT_ENTRY_SIZE);
    const view = viewOf(input.fragments);
    const sums = new Float64Array(count);
    const passed = new Float64Array(count);
    for (let i = 0; i < tails.entry.length; i++) {
      if (tails.fragment[i]! < count) sums[tails.fragment[i]!]! += tails.length[i]!;
    }
    for (let i = 0; i < tails.entry.length; i++) {
      const fragment = tails.fragment[i]!;
      const entry = tails.entry[i]!;
      if (fragment >= count) {
        builder.addFlag(entry, FILE_FLAG.damaged);
        const message = `the tail of a file is in fragment ${fragment}, of ${count}`;
        input.context.report('error', 'SQUASHFS_FRAGMENT', message);
        continue;
      }
      const size = view.getUint32(fragment * FRAGMENT_ENTRY_SIZE + 8, true) & BLOCK_SIZE_MASK;
      const share = (upTo: number): number => Math.floor((size * upTo) / Math.max(1, sums[fragment]!));
      const before = share(passed[fragment]!);
      passed[fragment]! += tails.length[i]!;
      builder.setAllocated(entry, tails.stored[i]! + share(passed[fragment]!) - before);
    }
    for (const [later, first] of this.laterLinks) builder.setAllocated(later, builder.allocatedOf(first));
  }
}
