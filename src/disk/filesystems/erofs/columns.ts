/** Inodes that the scan has read, in columns by slot, in the order in which they were read. */
import { doubled } from '../../../sources/runs.ts';
import type { TreeInodes } from '../tree.ts';
import type { Inode } from './inodes.ts';

export class InodeColumns implements TreeInodes {
  count = 0;
  mode: Uint16Array<ArrayBuffer> = new Uint16Array(1024);
  links: Uint32Array<ArrayBuffer> = new Uint32Array(1024);
  uid: Uint32Array<ArrayBuffer> = new Uint32Array(1024);
  gid: Uint32Array<ArrayBuffer> = new Uint32Array(1024);
  size: Float64Array<ArrayBuffer> = new Float64Array(1024);
  allocated: Float64Array<ArrayBuffer> = new Float64Array(1024);
  modified: Float64Array<ArrayBuffer> = new Float64Array(1024);
  entry: Int32Array<ArrayBuffer> = new Int32Array(1024);
  /** FILE_FLAG bits. */
  flags: Uint8Array<ArrayBuffer> = new Uint8Array(1024);
  private number: Float64Array<ArrayBuffer> = new Float64Array(1024);
  /** Slots by number; -1 for what was met and not read. */
  private readonly slots = new Map<number, number>();

  /** True at the first call for a number. */
  isNew(number: number): boolean {
    if (this.slots.has(number)) return false;
    this.slots.set(number, -1);
    return true;
  }

  add(inode: Inode): void {
    if (this.count === this.mode.length) this.grow();
    const slot = this.count++;
    this.slots.set(inode.number, slot);
    this.number[slot] = inode.number;
    this.mode[slot] = inode.mode;
    this.links[slot] = inode.links;
    this.uid[slot] = inode.uid;
    this.gid[slot] = inode.gid;
    this.size[slot] = inode.size;
    this.modified[slot] = inode.modified;
    this.entry[slot] = -1;
  }

  slotOf(number: number): number {
    return this.slots.get(number) ?? -1;
  }

  numberOf(slot: number): number {
    return this.number[slot]!;
  }

  private grow(): void {
    this.mode = doubled(this.mode);
    this.links = doubled(this.links);
    this.uid = doubled(this.uid);
    this.gid = doubled(this.gid);
    this.size = doubled(this.size);
    this.allocated = doubled(this.allocated);
    this.modified = doubled(this.modified);
    this.entry = doubled(this.entry);
    this.flags = doubled(this.flags);
    this.number = doubled(this.number);
  }
}
