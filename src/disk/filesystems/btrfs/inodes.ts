/**
 * Inodes of all subvolumes, in columns.
 *
 * Leaves come in disk order, each with its inodes in ascending order and no inode in two leaves. So inodes get slots
 * as they come, and each leaf's become a run; once all runs are there they are sorted, and an inode is found by its run.
 */
import { doubled } from '../../../sources/runs.ts';
import type { TreeInodes } from '../tree.ts';
import { big64 } from './keys.ts';
import { INODE } from './layout.ts';

/**
 * One number for each inode of each subvolume: the subvolume's position above, the inode below. Both fit into 53
 * bits: with few subvolumes the inode gets 40 of them.
 */
export class Numbering {
  private readonly span: number;

  constructor(subvolumes: number) {
    // One more: directories that stand for subvolumes that are not there.
    this.span = 2 ** Math.min(40, 53 - Math.ceil(Math.log2(subvolumes + 2)));
  }

  /** -1 for an inode that has no number. */
  numberOf(subvolume: number, inode: number): number {
    return inode < this.span ? subvolume * this.span + inode : -1;
  }

  subvolumeOf(number: number): number {
    return Math.floor(number / this.span);
  }

  inodeOf(number: number): number {
    return number % this.span;
  }
}

export class InodeColumns implements TreeInodes {
  count = 0;
  number = new Float64Array(1024);
  mode = new Uint16Array(1024);
  links = new Uint32Array(1024);
  uid = new Uint32Array(1024);
  gid = new Uint32Array(1024);
  size = new Float64Array(1024);
  allocated = new Float64Array(1024);
  modified = new Float64Array(1024);
  /** 1: an extent of it is compressed. */
  compressed = new Uint8Array(1024);
  entry = new Int32Array(0);
  private readonly sectorSize: number;
  /** First slots of runs, in the order of their first numbers once `seal` was called. */
  private runs: number[] = [];
  private starts = new Float64Array(0);
  private ends = new Uint32Array(0);
  private last = 0;

  constructor(sectorSize: number) {
    this.sectorSize = sectorSize;
  }

  /** Appends an inode without attributes. @returns its slot */
  append(number: number): number {
    const slot = this.count++;
    if (slot === this.number.length) {
      this.number = doubled(this.number);
      this.mode = doubled(this.mode);
      this.links = doubled(this.links);
      this.uid = doubled(this.uid);
      this.gid = doubled(this.gid);
      this.size = doubled(this.size);
      this.allocated = doubled(this.allocated);
      this.modified = doubled(this.modified);
      this.compressed = doubled(this.compressed);
    }
    this.number[slot] = number;
    return slot;
  }

  /** The next inode begins a new run: a leaf begins. */
  startRun(): void {
    if (this.runs.at(-1) !== this.count) this.runs.push(this.count);
  }

  /** Appends the inode item at byte `at`. @returns its slot */
  take(number: number, view: DataView, at: number): number {
    const slot = this.append(number);
    this.mode[slot] = view.getUint32(at + INODE.mode, true);
    this.links[slot] = view.getUint32(at + INODE.nlink, true);
    this.uid[slot] = view.getUint32(at + INODE.uid, true);
    this.gid[slot] = view.getUint32(at + INODE.gid, true);
    this.size[slot] = big64(view, at + INODE.size);
    // As st_blocks: whole sectors, those of inline content and of what is compressed too.
    this.allocated[slot] = Math.ceil(big64(view, at + INODE.nbytes) / this.sectorSize) * this.sectorSize;
    // Signed: times before 1970 count down.
    const high = view.getInt32(at + INODE.mtime + 4, true);
    this.modified[slot] = high * 4294967296 + view.getUint32(at + INODE.mtime, true);
    return slot;
  }

  /** Sorts the runs: from here on inodes are found. What is appended later is not. */
  seal(): void {
    const { number, count } = this;
    const runs = this.runs.filter((slot) => slot < count);
    const lengthOf = new Map(runs.map((slot, i) => [slot, (runs[i + 1] ?? count) - slot]));
    const order = runs.slice().sort((a, b) => number[a]! - number[b]!);
    this.runs = order;
    this.starts = Float64Array.from(order, (slot) => number[slot]!);
    this.ends = Uint32Array.from(order, (slot) => slot + lengthOf.get(slot)!);
  }

  /** To be called when the last was appended. */
  finish(): void {
    this.entry = new Int32Array(this.count).fill(-1);
  }

  numberOf(slot: number): number {
    return this.number[slot]!;
  }

  slotOf(inode: number): number {
    const { starts, ends, runs, number } = this;
    // Files of one directory mostly share a leaf.
    let run = this.last;
    const isLast = starts[run]! <= inode && inode <= number[ends[run]! - 1]!;
    if (!isLast) {
      let low = 0;
      let high = starts.length;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (starts[middle]! <= inode) low = middle + 1;
        else high = middle;
      }
      run = low - 1;
      if (run < 0) return -1;
      this.last = run;
    }
    let low = runs[run]!;
    let high = ends[run]!;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (number[middle]! < inode) low = middle + 1;
      else high = middle;
    }
    return low < ends[run]! && number[low] === inode && this.mode[low] !== 0 ? low : -1;
  }
}
