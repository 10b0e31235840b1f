/** What btrfs-progs say of btrfs, and images that mkfs.btrfs fills from a folder. Nothing here shares code with src/. */
import { execFileSync } from 'node:child_process';
import { findTool } from './tools.ts';

/** Runs one of btrfs-progs; its output as Latin-1, so that no byte of a name is lost. */
export function btrfsTool(tool: string, args: readonly string[]): string {
  return execFileSync(findTool(tool) ?? tool, args, {
    env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
    maxBuffer: 1 << 30,
    stdio: ['ignore', 'pipe', 'pipe'],
  }).toString('latin1');
}

/** `btrfs check` with every checksum of content: throws unless it finds nothing. */
export function btrfsCheck(image: string): void {
  btrfsTool('btrfs', ['check', '--check-data-csum', image]);
}

/** One tree, as `dump-tree` prints it. */
const dump = (image: string, tree: string): string =>
  btrfsTool('btrfs', ['inspect-internal', 'dump-tree', '-t', tree, image]);

export interface BtrfsSuper {
  readonly totalBytes: number;
  readonly usedBytes: number;
  readonly nodeSize: number;
  readonly sectorSize: number;
  /** Read-only compatible and incompatible features, by name. */
  readonly features: readonly string[];
}

export function btrfsSuper(image: string): BtrfsSuper {
  const text = btrfsTool('btrfs', ['inspect-internal', 'dump-super', image]);
  const number = (key: string): number => Number(new RegExp(`^${key}\\t+(\\d+)`, 'm').exec(text)![1]);
  const flags = (key: string): readonly string[] => {
    const found = new RegExp(`^${key}\\t+0x\\w+\\n\\t+\\(([^)]*)\\)`, 'm').exec(text);
    return found === null ? [] : [...found[1]!.matchAll(/\w+/g)].map(([name]) => name);
  };
  return {
    totalBytes: number('total_bytes'),
    usedBytes: number('bytes_used'),
    nodeSize: number('nodesize'),
    sectorSize: number('sectorsize'),
    features: [...flags('incompat_flags'), ...flags('compat_ro_flags')],
  };
}

export interface BtrfsInode {
  readonly size: number;
  readonly nbytes: number;
  readonly mode: number;
  readonly links: number;
  readonly uid: number;
  readonly gid: number;
  readonly modified: number;
}

/** Inodes and names of one subvolume. */
export function btrfsTree(
  image: string,
  tree: string,
): { inodes: Map<number, BtrfsInode>; paths: Map<string, number> } {
  const inodes = new Map<number, BtrfsInode>();
  const entries: { directory: number; inode: number; name: string }[] = [];
  for (const item of dump(image, tree).split(/\n\titem \d+ key \(/)) {
    const [, object, type] = /^(\d+) (\w+) /.exec(item) ?? [];
    if (type === 'INODE_ITEM') {
      const number = (key: string): number => Number(new RegExp(`\\b${key} (\\d+)`).exec(item)![1]);
      inodes.set(Number(object), {
        size: number('size'),
        nbytes: number('nbytes'),
        mode: Number.parseInt(/ mode (\d+) /.exec(item)![1]!, 8),
        links: number('links'),
        uid: number('uid'),
        gid: number('gid'),
        modified: number('mtime'),
      });
    } else if (type === 'DIR_INDEX') {
      const [, inode] = /location key \((\d+) INODE_ITEM 0\)/.exec(item)!;
      const [, length] = / name_len (\d+)\n/.exec(item)!;
      const start = item.indexOf('\n\t\tname: ') + 9;
      entries.push({
        directory: Number(object),
        inode: Number(inode),
        name: item.slice(start, start + Number(length)),
      });
    }
  }
  const children = Map.groupBy(entries, ({ directory }) => directory);
  const paths = new Map<string, number>([['/', 256]]);
  const walk = (inode: number, path: string): void => {
    for (const one of children.get(inode) ?? []) {
      paths.set(`${path}/${one.name}`, one.inode);
      walk(one.inode, `${path}/${one.name}`);
    }
  };
  walk(256, '');
  return { inodes, paths };
}

interface Range {
  start: number;
  end: number;
}

interface Chunk extends Range {
  readonly type: string;
  /** On the one device. */
  readonly stripes: readonly number[];
}

/** Chunks of a filesystem on one device: single or DUP. */
function chunksOf(image: string): Chunk[] {
  const text = dump(image, 'chunk');
  return text
    .split(/\titem \d+ /)
    .filter((item) => item.startsWith('key (FIRST_CHUNK_TREE CHUNK_ITEM '))
    .map((item) => {
      const start = Number(/CHUNK_ITEM (\d+)\)/.exec(item)![1]);
      const [, length, type] = /length (\d+) owner .* type (\S+)/.exec(item)!;
      const stripes = [...item.matchAll(/stripe \d+ devid 1 offset (\d+)/g)].map((found) => Number(found[1]));
      return { start, end: start + Number(length), type: type!, stripes };
    });
}

/** Extents that the extent tree lists, by address. */
function allocated(image: string, nodeSize: number): (Range & { isNode: boolean })[] {
  return dump(image, 'extent')
    .split(/\n\titem \d+ key \(/)
    .flatMap((item) => {
      const found = /^(\d+) (EXTENT|METADATA)_ITEM (\d+)\)/.exec(item);
      if (found === null) return [];
      const start = Number(found[1]);
      const length = found[2] === 'METADATA' ? nodeSize : Number(found[3]);
      return [{ start, end: start + length, isNode: / flags \S*TREE_BLOCK/.test(item) }];
    });
}

/** Free stretches of [0, size), given what is taken. */
function complement(taken: readonly Range[], size: number): Range[] {
  const free: Range[] = [];
  let at = 0;
  for (const { start, end } of [...taken].sort((a, b) => a.start - b.start)) {
    if (start > at) free.push({ start: at, end: start });
    at = Math.max(at, end);
  }
  if (at < size) free.push({ start: at, end: size });
  return free;
}

/** Places on the device: nothing uses them; nodes are there. Superblocks and the first MiB are in neither. */
export function btrfsSpace(image: string): { unused: Range[]; nodes: Range[]; data: number } {
  const { nodeSize, totalBytes } = btrfsSuper(image);
  const chunks = chunksOf(image);
  const extents = allocated(image, nodeSize);
  const placesOf = ({ start, end }: Range): Range[] => {
    const chunk = chunks.find((one) => one.start <= start && end <= one.end)!;
    return chunk.stripes.map((stripe) => ({
      start: stripe + start - chunk.start,
      end: stripe + end - chunk.start,
    }));
  };
  const superblocks = [64 * 1024 ** 2, 256 * 1024 ** 3]
    .filter((start) => start < totalBytes)
    .map((start) => ({ start, end: start + 65536 }));
  const reserved = [{ start: 0, end: 1024 ** 2 }, ...superblocks];
  const places = extents.map((one) => ({ ...one, places: placesOf(one) }));
  return {
    unused: complement([...reserved, ...places.flatMap((one) => one.places)], totalBytes),
    nodes: places.filter(({ isNode }) => isNode).flatMap((one) => one.places),
    data: places
      .filter(({ isNode }) => !isNode)
      .flatMap((one) => one.places)
      .reduce((sum, { start, end }) => sum + end - start, 0),
  };
}

/** Bytes of the devices that allocated extents take in all of their copies: by the block groups' items. */
export function btrfsUsed(image: string): number {
  const copies: Readonly<Record<string, number>> = { DUP: 2, RAID1: 2, RAID10: 2, RAID1C3: 3, RAID1C4: 4 };
  return [...dump(image, 'extent').matchAll(/block group used (\d+) chunk_objectid \d+ flags \w+\|(\w+)/g)]
    .map(([, used, profile]) => Number(used) * (copies[profile!] ?? 1))
    .reduce((sum, one) => sum + one, 0);
}
