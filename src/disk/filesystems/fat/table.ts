/**
 * The file allocation table, whole and in memory: one 32-bit number per cluster, whatever its width on disk.
 *
 * Chains are followed twice over a volume's life, for different ends. `claim` is the scan's: it marks every
 * cluster as owned, so that a loop, a cluster of two files and a link to nowhere all stop the chain, and all
 * chains together cost one pass over the table, however hostile. `follow` is for reading one file: no marks,
 * bounded by the clusters that the file's size needs.
 */
import type { Context } from '../../../core/contracts/context.ts';
import type { BlockSource } from '../../../core/contracts/source.ts';
import { corrupt, unsupported } from '../../../core/errors.ts';
import { MAX_FAT_CLUSTERS, MAX_READ_BYTES } from '../../../core/limits.ts';
import { hex } from '../../../core/text.ts';
import { readBytes } from '../../../sources/read.ts';
import type { Geometry } from './geometry.ts';
import { CLEAN_SHUTDOWN_16, CLEAN_SHUTDOWN_32, NO_HARD_ERROR_16, NO_HARD_ERROR_32 } from './layout.ts';

const FREE = 0;
/** Values of all widths are brought to these two, which no cluster number reaches. */
const END = 0xffffffff;
const BAD = 0xfffffffe;

/** Consecutive clusters: pairs of first cluster and count, in the order of the chain. */
export type Runs = number[];

export interface Chain {
  readonly runs: Runs;
  readonly clusters: number;
  /** Why the chain stops before its end mark. */
  readonly problem: string | undefined;
}

export class ClusterTable {
  readonly geometry: Geometry;
  /** Link of each cluster; the first two are not clusters. */
  private readonly links: Uint32Array;
  private readonly owned: Uint8Array;
  /** FAT[1] as it stands on disk. */
  private readonly flags: number;
  readonly freeClusters: number;
  readonly badClusters: number;
  /** Mirrored copies differ: which one is right is not known. */
  readonly copiesDiffer: boolean;

  private constructor(geometry: Geometry, links: Uint32Array, flags: number, copiesDiffer: boolean) {
    this.geometry = geometry;
    this.links = links;
    this.flags = flags;
    this.copiesDiffer = copiesDiffer;
    this.owned = new Uint8Array(Math.ceil(links.length / 8));
    let free = 0;
    let bad = 0;
    for (let cluster = 2; cluster < links.length; cluster++) {
      if (links[cluster] === FREE) free++;
      else if (links[cluster] === BAD) bad++;
    }
    this.freeClusters = free;
    this.badClusters = bad;
  }

  /**
   * Reads the table, in pieces, and compares its mirrors.
   * @throws `corrupt` when it lies outside the volume, `unsupported` when it is too large to hold
   */
  static async read(source: BlockSource, geometry: Geometry, context: Context): Promise<ClusterTable> {
    const { bits, fatStart, fatSize, fatCopies, clusterCount } = geometry;
    const entries = clusterCount + 2;
    const needed = Math.ceil((entries * bits) / 8);
    const active = geometry.activeFat ?? 0;
    const start = fatStart + active * fatSize;
    if (start + needed > source.size)
      throw corrupt('FAT_OUTSIDE', `the FAT ends at ${hex(start + needed)}, past the end of the volume`, {
        advice: 'the image is cut short: copy it again',
      });
    if (clusterCount > MAX_FAT_CLUSTERS)
      throw unsupported('FAT_TOO_LARGE', `${clusterCount} clusters, more than ${MAX_FAT_CLUSTERS}`);
    const links = new Uint32Array(entries);
    const mirrors = geometry.activeFat === undefined ? fatCopies : 1;
    let flags = 0;
    let copiesDiffer = false;
    // A piece of every width holds whole entries: FAT12's 6 KiB fit one piece.
    const piece = MAX_READ_BYTES / 4;
    for (let at = 0; at < needed; at += piece) {
      context.signal.throwIfAborted();
      const length = Math.min(piece, needed - at);
      const raw = await readBytes(source, start + at, length);
      for (let copy = 1; copy < mirrors && !copiesDiffer; copy++) {
        const other = fatStart + copy * fatSize + at;
        if (other + length > source.size) copiesDiffer = true;
        else copiesDiffer = Buffer.compare(raw, await readBytes(source, other, length)) !== 0;
      }
      if (at === 0) flags = valueAt(raw, bits, 1);
      decode(raw, bits, links, (at * 8) / bits);
    }
    if (copiesDiffer)
      context.report('error', 'FAT_COPIES_DIFFER', 'the copies of the FAT differ; the first is followed');
    return new ClusterTable(geometry, links, flags, copiesDiffer);
  }

  /** What FAT[1] says: not unmounted, or I/O errors seen. FAT12 has no such bits. */
  get dirty(): boolean {
    const { bits } = this.geometry;
    if (bits === 12) return false;
    const clean = bits === 16 ? CLEAN_SHUTDOWN_16 | NO_HARD_ERROR_16 : CLEAN_SHUTDOWN_32 | NO_HARD_ERROR_32;
    return (this.flags & clean) !== clean;
  }

  private isCluster(value: number): boolean {
    return value >= 2 && value < this.links.length;
  }

  private isOwned(cluster: number): boolean {
    return (this.owned[cluster >> 3]! & (1 << (cluster & 7))) !== 0;
  }

  /** Forgets who owns what, before a new scan. */
  disown(): void {
    this.owned.fill(0);
  }

  /** Follows a chain and marks its clusters. Never throws: a damaged chain ends where it stops making sense. */
  claim(first: number): Chain {
    const runs: Runs = [];
    let clusters = 0;
    let at = first;
    for (;;) {
      if (!this.isCluster(at)) return { runs, clusters, problem: `points to ${nameOfLink(at)}` };
      if (this.isOwned(at)) return { runs, clusters, problem: this.sharedProblem(runs, at) };
      const next = this.links[at]!;
      if (next === FREE) return { runs, clusters, problem: `holds cluster ${at}, which is marked free` };
      if (next === BAD) return { runs, clusters, problem: `holds cluster ${at}, which is marked bad` };
      this.owned[at >> 3]! |= 1 << (at & 7);
      append(runs, at);
      clusters++;
      if (next === END) return { runs, clusters, problem: undefined };
      at = next;
    }
  }

  private sharedProblem(runs: Runs, at: number): string {
    for (let i = 0; i < runs.length; i += 2) {
      if (at >= runs[i]! && at < runs[i]! + runs[i + 1]!) return `runs in a circle at cluster ${at}`;
    }
    return `shares cluster ${at} with another file`;
  }

  /** The first `wanted` clusters of a chain, fewer when it ends or makes no sense before that. */
  follow(first: number, wanted: number): Runs {
    const runs: Runs = [];
    const limit = Math.min(wanted, this.geometry.clusterCount);
    let at = first;
    for (let i = 0; i < limit && this.isCluster(at); i++) {
      const next = this.links[at]!;
      if (next === FREE || next === BAD) break;
      append(runs, at);
      at = next;
    }
    return runs;
  }

  /** Clusters that are neither free nor bad and that no chain claimed since `disown`. */
  lostClusters(): number {
    let lost = 0;
    for (let cluster = 2; cluster < this.links.length; cluster++) {
      const link = this.links[cluster];
      if (link !== FREE && link !== BAD && !this.isOwned(cluster)) lost++;
    }
    return lost;
  }

  /** Calls back with each run [first, end) of free clusters, ascending. */
  forEachFree(visit: (first: number, end: number) => void): void {
    this.forEachRun(FREE, visit);
  }

  /** Calls back with each run [first, end) of clusters marked bad, ascending. */
  forEachBad(visit: (first: number, end: number) => void): void {
    if (this.badClusters > 0) this.forEachRun(BAD, visit);
  }

  private forEachRun(value: number, visit: (first: number, end: number) => void): void {
    const { links } = this;
    for (let cluster = 2; cluster < links.length; cluster++) {
      if (links[cluster] !== value) continue;
      const first = cluster;
      while (cluster < links.length && links[cluster] === value) cluster++;
      visit(first, cluster);
    }
  }
}

function append(runs: Runs, cluster: number): void {
  const last = runs.length - 2;
  if (last >= 0 && runs[last]! + runs[last + 1]! === cluster) runs[last + 1]!++;
  else runs.push(cluster, 1);
}

function nameOfLink(value: number): string {
  if (value === BAD) return 'a bad cluster';
  if (value === FREE) return 'cluster 0, which does not exist';
  return `cluster ${value}, which does not exist`;
}

/** One raw entry; FAT32's upper four bits are reserved and masked off. */
function valueAt(raw: Uint8Array, bits: number, index: number): number {
  const at = Math.floor((index * bits) / 8);
  const low = raw[at]! | (raw[at + 1]! << 8);
  if (bits === 12) return index & 1 ? low >> 4 : low & 0xfff;
  return bits === 16 ? low : low | (raw[at + 2]! << 16) | ((raw[at + 3]! & 0x0f) << 24);
}

/** Brings raw entries into `links` from index `first` on; end marks and bad marks to one value each. */
function decode(raw: Uint8Array, bits: number, links: Uint32Array, first: number): void {
  const bad = bits === 12 ? 0xff7 : bits === 16 ? 0xfff7 : 0x0ffffff7;
  const count = Math.min(links.length - first, Math.floor((raw.length * 8) / bits));
  if (bits === 32) {
    // A volume may have a hundred million of these: no call per entry.
    for (let i = 0, at = 0; i < count; i++, at += 4) {
      const value = raw[at]! | (raw[at + 1]! << 8) | (raw[at + 2]! << 16) | ((raw[at + 3]! & 0x0f) << 24);
      links[first + i] = value < bad ? value : value === bad ? BAD : END;
    }
    return;
  }
  for (let i = 0; i < count; i++) {
    const value = valueAt(raw, bits, i);
    links[first + i] = value < bad ? value : value === bad ? BAD : END;
  }
}
