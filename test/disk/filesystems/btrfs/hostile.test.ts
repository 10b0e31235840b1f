/** Structures that lie: each change is worked by hand on images that a kernel made. */
import { describe, expect, it } from 'vitest';
import type { ErrorFamily } from '../../../../src/core/errors.ts';
import { corrupt, ImgoptError } from '../../../../src/core/errors.ts';
import { memorySource } from '../../../../src/sources/memory.ts';
import { BTRFS_IMAGES, codesOf, type OpenedBtrfs, openBtrfs } from '../../../support/btrfs.ts';
import { fixtureBytes } from '../../../support/fixtures.ts';
import { contentOf } from '../../../support/volumes.ts';

const NODE = 16384;
const SUPERBLOCK = 65536;
const pristine = fixtureBytes('btrfs/content.img');
const image = (): Buffer => Buffer.from(pristine);
const open = (bytes: Buffer): Promise<OpenedBtrfs> => openBtrfs(memorySource(bytes));

/** CRC-32C bit by bit, the slow way of RFC 3720. */
function crcOf(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc >>> 0;
}

function seal(bytes: Buffer, at: number, size: number): void {
  bytes.writeUInt32LE(crcOf(bytes.subarray(at + 32, at + size)), at);
}

async function failure(work: () => Promise<unknown>): Promise<{ code: string; family: ErrorFamily }> {
  try {
    await work();
  } catch (error) {
    if (error instanceof ImgoptError)
      return { code: error.code.replace('IMGOPT_BTRFS_', ''), family: error.family };
    throw error;
  }
  throw new Error('nothing failed');
}

/** A node as it lies in the image: the newest at its address. */
interface Node {
  readonly at: number;
  readonly owner: number;
  readonly level: number;
  readonly generation: number;
}

/** Found by the filesystem's UUID in their headers, without any map. */
function nodesOf(bytes: Buffer): Node[] {
  const newest = new Map<bigint, Node>();
  for (let at = 1024 * 1024; at + NODE <= bytes.length; at += 4096) {
    if (bytes.compare(bytes, SUPERBLOCK + 32, SUPERBLOCK + 48, at + 32, at + 48) !== 0) continue;
    if (bytes.readUInt32LE(at) !== crcOf(bytes.subarray(at + 32, at + NODE))) continue;
    const address = bytes.readBigUInt64LE(at + 48);
    const generation = Number(bytes.readBigUInt64LE(at + 80));
    if (generation <= (newest.get(address)?.generation ?? -1)) continue;
    const owner = Number(bytes.readBigUInt64LE(at + 88));
    newest.set(address, { at, owner, level: bytes[at + 100]!, generation });
  }
  return [...newest.values()];
}

interface Item {
  readonly node: number;
  /** Of its key. */
  readonly at: number;
  readonly object: bigint;
  readonly type: number;
  readonly offset: bigint;
  readonly data: number;
  readonly size: number;
}

function itemsOf(bytes: Buffer, node: number): Item[] {
  return Array.from({ length: bytes.readUInt32LE(node + 96) }, (_, i) => {
    const at = node + 101 + 25 * i;
    return {
      node,
      at,
      object: bytes.readBigUInt64LE(at),
      type: bytes[at + 8]!,
      offset: bytes.readBigUInt64LE(at + 9),
      data: node + 101 + bytes.readUInt32LE(at + 17),
      size: bytes.readUInt32LE(at + 21),
    };
  });
}

const nodes = nodesOf(pristine);
/** Nodes of a tree that are in use: those that its root leads to. */
function treeOf(tree: number): Node[] {
  const byAddress = new Map(nodes.map((node) => [pristine.readBigUInt64LE(node.at + 48), node]));
  const walk = (address: bigint): Node[] => {
    const node = byAddress.get(address)!;
    if (node.level === 0) return [node];
    const children = Array.from({ length: pristine.readUInt32LE(node.at + 96) }, (_, i) =>
      walk(pristine.readBigUInt64LE(node.at + 101 + 33 * i + 17)),
    );
    return [node, ...children.flat()];
  };
  if (tree === 1) return walk(pristine.readBigUInt64LE(SUPERBLOCK + 80));
  const item = treeOf(1)
    .flatMap(({ at }) => itemsOf(pristine, at))
    .find(({ object, type }) => object === BigInt(tree) && type === 132)!;
  return walk(pristine.readBigUInt64LE(item.data + 176));
}
const itemsIn = (tree: number): Item[] =>
  treeOf(tree)
    .filter(({ level }) => level === 0)
    .flatMap(({ at }) => itemsOf(pristine, at));
const FILES = itemsIn(5);

/** The inode of a file, by find. */
const inodeOf = (path: string): bigint =>
  BigInt(BTRFS_IMAGES['content']!.entries.find((one) => one.path === path)!.inode);
const itemOf = (path: string, type: number): Item =>
  FILES.find((item) => item.object === inodeOf(path) && item.type === type)!;

/** The image with a node changed and sealed. */
function changed(node: number, change: (bytes: Buffer) => void): Buffer {
  const bytes = image();
  change(bytes);
  seal(bytes, node, NODE);
  return bytes;
}

describe('hostile superblocks', () => {
  it.each<[string, number, 1 | 2 | 4, number, string, ErrorFamily]>([
    ['magic', 64, 4, 0x58585858, 'MAGIC', 'corrupt'],
    ['another checksum', 196, 2, 9, 'CHECKSUM_TYPE', 'unsupported'],
    ['another place', 48, 4, 0x20000, 'SUPERBLOCK', 'corrupt'],
    ['zoned', 188 + 1, 1, 0x10, 'FEATURE', 'unsupported'],
    ['extent tree 2', 188 + 1, 1, 0x20, 'FEATURE', 'unsupported'],
    ['stripe tree', 188 + 1, 1, 0x40, 'FEATURE', 'unsupported'],
    ['an unknown feature', 188 + 6, 1, 1, 'FEATURE', 'unsupported'],
    ['a seed', 56 + 4, 1, 1, 'FEATURE', 'unsupported'],
    ['a change of the UUID that did not end', 56 + 4, 1, 8, 'FEATURE', 'unsupported'],
    ['sectors of 0', 144, 4, 0, 'SECTOR_SIZE', 'corrupt'],
    ['sectors of 512', 144, 4, 512, 'SECTOR_SIZE', 'corrupt'],
    ['sectors of 5000', 144, 4, 5000, 'SECTOR_SIZE', 'corrupt'],
    ['sectors of 128 KiB', 144, 4, 131_072, 'SECTOR_SIZE', 'corrupt'],
    ['nodes of 0', 148, 4, 0, 'NODE_SIZE', 'corrupt'],
    ['nodes smaller than sectors', 148, 4, 2048, 'NODE_SIZE', 'corrupt'],
    ['nodes of 128 KiB', 148, 4, 131_072, 'NODE_SIZE', 'corrupt'],
    ['level of the root tree', 198, 1, 8, 'LEVEL', 'corrupt'],
    ['level of the chunk tree', 199, 1, 255, 'LEVEL', 'corrupt'],
    ['more system chunks than fit', 160, 4, 2049, 'SYSTEM_CHUNKS', 'corrupt'],
    ['half a system chunk', 160, 4, 60, 'SYSTEM_CHUNKS', 'corrupt'],
    ['no devices', 136, 4, 0, 'DEVICES', 'corrupt'],
    ['a device of nothing', 209, 4, 0, 'DEVICES', 'corrupt'],
    ['a device larger than all', 209 + 4, 4, 1, 'DEVICES', 'corrupt'],
    ['no chunk tree', 88, 4, 0x1000, 'ADDRESS', 'corrupt'],
    ['no root tree', 80, 4, 0x1000, 'ROOT', 'corrupt'],
    ['a root tree past 2^53', 80 + 7, 1, 0x40, 'NUMBER_TOO_LARGE', 'corrupt'],
    ['a system chunk elsewhere', 811 + 17 + 48 + 8 + 7, 1, 1, 'NUMBER_TOO_LARGE', 'corrupt'],
    ['a system chunk behind the device', 811 + 17 + 48 + 8 + 4, 1, 1, 'CHUNK', 'corrupt'],
    ['a system chunk of nothing', 811 + 17, 4, 0, 'CHUNK', 'corrupt'],
    ['a system chunk of RAID5', 811 + 17 + 24, 1, 0x82, 'RAID56', 'unsupported'],
    ['a system chunk of two profiles', 811 + 17 + 24, 1, 0x1a, 'PROFILE', 'unsupported'],
    ['a system chunk of DUP with one stripe', 811 + 17 + 24, 1, 0x22, 'CHUNK', 'corrupt'],
  ])('%s', async (_name, offset, width, value, code, family) => {
    const bytes = image();
    bytes.writeUIntLE(value, SUPERBLOCK + offset, width);
    seal(bytes, SUPERBLOCK, 4096);
    const found = await failure(() => open(bytes));
    expect({ ...found, code: found.code.replace('IMGOPT_', '') }).toEqual({ code, family });
  });

  it('without their checksum are not taken', async () => {
    const bytes = image();
    bytes[SUPERBLOCK + 300]! ^= 1;
    expect(await failure(() => open(bytes))).toEqual({ code: 'SUPERBLOCK_CHECKSUM', family: 'corrupt' });
  });

  it('that count more devices than there are say so, and nothing is dropped', async () => {
    const bytes = image();
    bytes.writeUInt32LE(2, SUPERBLOCK + 136);
    seal(bytes, SUPERBLOCK, 4096);
    const { filesystem, log } = await open(bytes);
    expect(codesOf(log)).toEqual(['DEVICES']);
    expect(await failure(() => filesystem.unusedExtents())).toEqual({
      code: 'DEVICE_MISSING',
      family: 'unsupported',
    });
  });
});

describe('hostile nodes', () => {
  const leaf = FILES[Math.floor(FILES.length / 2)]!.node;
  it.each<[string, (bytes: Buffer) => void, string]>([
    ['address', (bytes) => bytes.writeUInt32LE(1, leaf + 48), 'NODE_HEADER'],
    ['UUID', (bytes) => bytes.fill(7, leaf + 32, leaf + 48), 'NODE_HEADER'],
    ['an older generation', (bytes) => bytes.writeUInt32LE(1, leaf + 80), 'NODE_HEADER'],
    ["another tree's", (bytes) => bytes.writeUInt32LE(7, leaf + 88), 'NODE_HEADER'],
    ['level', (bytes) => bytes.writeUInt8(1, leaf + 100), 'NODE_HEADER'],
    ['no items', (bytes) => bytes.writeUInt32LE(0, leaf + 96), 'NODE_HEADER'],
    ['more items than fit', (bytes) => bytes.writeUInt32LE(0xffffffff, leaf + 96), 'NODE_HEADER'],
    ['another first key', (bytes) => bytes.writeUInt8(0, leaf + 101 + 8), 'NODE_KEYS'],
    [
      'two keys that are the same',
      (bytes) => bytes.copy(bytes, leaf + 126, leaf + 101, leaf + 118),
      'NODE_KEYS',
    ],
    [
      "a last key that is the next node's",
      (bytes) =>
        bytes.fill(
          0xfe,
          leaf + 101 + 25 * (bytes.readUInt32LE(leaf + 96) - 1),
          leaf + 109 + 25 * (bytes.readUInt32LE(leaf + 96) - 1),
        ),
      'NODE_KEYS',
    ],
    ['an item behind its end', (bytes) => bytes.writeUInt32LE(20_000, leaf + 101 + 17), 'NODE_ITEMS'],
    ['an item over the keys', (bytes) => bytes.writeUInt32LE(0, leaf + 101 + 17), 'NODE_ITEMS'],
    ['a longer item', (bytes) => bytes.writeUInt32LE(0xffffffff, leaf + 101 + 21), 'NODE_ITEMS'],
  ])('%s', async (_name, change, code) => {
    const { log, table, filesystem } = await open(changed(leaf, change));
    expect(codesOf(log)).toContain(code);
    // Only what was in it is lost.
    expect(table.count - table.detachedCount).toBeGreaterThan(500);
    expect((await failure(() => filesystem.unusedExtents())).code).toBe('DAMAGED');
  });

  it('without their checksum are not taken', async () => {
    const bytes = image();
    bytes[leaf + 5000]! ^= 1;
    expect(codesOf((await open(bytes)).log)).toContain('NODE_CHECKSUM');
  });

  it('in a stretch that cannot be read are lost, and no others of the same read', async () => {
    const source = memorySource(pristine);
    const bad = { start: leaf + 4096, end: leaf + 8192 };
    const broken = {
      ...source,
      async read(target: Uint8Array, offset: number): Promise<void> {
        if (offset < bad.end && offset + target.length > bad.start)
          throw corrupt('BAD_CLUSTER', 'is damaged');
        await source.read(target, offset);
      },
    };
    const { log, table } = await openBtrfs(broken);
    const bytes = image();
    bytes[leaf + 5000]! ^= 1;
    const other = await open(bytes);
    expect(codesOf(log)).toContain('NODE_UNREADABLE');
    expect(codesOf(log).filter((code) => code !== 'NODE_UNREADABLE')).toEqual(
      codesOf(other.log).filter((code) => code !== 'NODE_CHECKSUM'),
    );
    expect(table.firstDifference(other.table)).toBeUndefined();
  });

  // The second pointer: the first leads to the root directory.
  it.each<[string, (bytes: Buffer, root: number, pointer: number) => void, string]>([
    ['to themselves', (bytes, root, at) => bytes.copy(bytes, at, root + 48, root + 56), 'NODE_HEADER'],
    ['to nowhere', (bytes, _root, at) => bytes.writeUInt32LE(0x1000, at), 'ADDRESS'],
    ['past 2^53', (bytes, _root, at) => bytes.writeUInt8(0xff, at + 7), 'ADDRESS'],
    ['between sectors', (bytes, _root, at) => bytes.writeUInt8(1, at), 'NODE_UNREADABLE'],
    ['twice to one', (bytes, _root, at) => bytes.copy(bytes, at + 33, at, at + 16), 'NODE_TWICE'],
  ])('that point %s', async (_name, change, code) => {
    const [root] = treeOf(5);
    expect(root!.level).toBe(1);
    const bytes = changed(root!.at, (all) => change(all, root!.at, root!.at + 101 + 33 + 17));
    const { log } = await open(bytes);
    expect(codesOf(log)).toContain(code);
  });
});

describe('hostile items', () => {
  const dirent = FILES.find((item) => item.type === 96 && item.object === inodeOf('plain'))!;
  it.each<[string, Item, (bytes: Buffer, item: Item) => void, string]>([
    ['a name of nothing', dirent, (bytes, { data }) => bytes.writeUInt16LE(0, data + 27), 'DIRENT'],
    ['a name of 256 bytes', dirent, (bytes, { data }) => bytes.writeUInt16LE(256, data + 27), 'DIRENT'],
    [
      'a name longer than its item',
      dirent,
      (bytes, { data }) => bytes.writeUInt16LE(200, data + 27),
      'DIRENT',
    ],
    ['a name with a slash', dirent, (bytes, { data }) => bytes.write('/', data + 30), 'DIRENT'],
    ['an entry of another kind', dirent, (bytes, { data }) => bytes.writeUInt8(99, data + 8), 'DIRENT'],
    [
      'an entry for no inode',
      dirent,
      (bytes, { data }) => bytes.writeUInt32LE(0xffff, data),
      'DIRENT_DELETED',
    ],
    ['an entry past 2^53', dirent, (bytes, { data }) => bytes.writeUInt8(1, data + 7), 'DIRENT'],
    ['an entry of another type', dirent, (bytes, { data }) => bytes.writeUInt8(2, data + 29), 'DIRENT_TYPE'],
    ['a short inode', itemOf('plain/big', 1), (bytes, { at }) => bytes.writeUInt32LE(100, at + 21), 'INODE'],
    [
      'a file longer than 2^53',
      itemOf('plain/big', 1),
      (bytes, { data }) => bytes.writeUInt8(0xff, data + 16 + 7),
      'INODE_SIZE',
    ],
    [
      'another count of links',
      itemOf('plain/big', 1),
      (bytes, { data }) => bytes.writeUInt32LE(7, data + 40),
      'LINK_COUNT',
    ],
    [
      'an extent in no chunk',
      itemOf('plain/big', 108),
      (bytes, { data }) => bytes.writeUInt8(1, data + 21 + 5),
      'EXTENT',
    ],
    [
      'a short extent',
      itemOf('plain/big', 108),
      (bytes, { at }) => bytes.writeUInt32LE(20, at + 21),
      'EXTENT',
    ],
  ])('%s', async (_name, item, change, code) => {
    const { log } = await open(changed(item.node, (bytes) => change(bytes, item)));
    expect(codesOf(log)).toContain(code);
  });

  it.each<[string, string, (bytes: Buffer, item: Item) => void, string, ErrorFamily]>([
    [
      'an unknown compression',
      'zlib/big',
      (bytes, { data }) => bytes.writeUInt8(9, data + 16),
      'COMPRESSION',
      'unsupported',
    ],
    [
      'encryption',
      'plain/big',
      (bytes, { data }) => bytes.writeUInt8(1, data + 17),
      'ENCODING',
      'unsupported',
    ],
    [
      'another encoding',
      'plain/big',
      (bytes, { data }) => bytes.writeUInt16LE(1, data + 18),
      'ENCODING',
      'unsupported',
    ],
    [
      'an unknown type',
      'plain/big',
      (bytes, { data }) => bytes.writeUInt8(3, data + 20),
      'EXTENT',
      'corrupt',
    ],
    [
      'a bomb',
      'zlib/big',
      (bytes, { data }) => bytes.writeUInt32LE(0x7fffffff, data + 8),
      'EXTENT',
      'corrupt',
    ],
    [
      'a compressed giant',
      'zlib/big',
      (bytes, { data }) => bytes.writeUInt32LE(0x100000, data + 29),
      'EXTENT',
      'corrupt',
    ],
    [
      'more than its extent has',
      'plain/big',
      (bytes, { data }) => bytes.writeUInt32LE(0x1000000, data + 37),
      'EXTENT',
      'corrupt',
    ],
    ['no length', 'plain/big', (bytes, { data }) => bytes.fill(0, data + 45, data + 53), 'EXTENT', 'corrupt'],
    ['no chunk', 'plain/big', (bytes, { data }) => bytes.writeUInt8(1, data + 21 + 5), 'ADDRESS', 'corrupt'],
  ])('a file with %s is refused when it is read', async (_name, path, change, code, family) => {
    const item = itemOf(path, 108);
    const { filesystem } = await open(changed(item.node, (bytes) => change(bytes, item)));
    expect(await failure(async () => contentOf(await filesystem.open(Number(item.object))))).toEqual({
      code,
      family,
    });
  });

  it('two extents may not hold the same bytes', async () => {
    const [first, second] = FILES.filter((item) => item.object === inodeOf('zlib/big') && item.type === 108);
    expect(first!.node).toBe(second!.node);
    const bytes = changed(first!.node, (all) => all.writeUInt32LE(4096, second!.at + 9));
    const { filesystem } = await open(bytes);
    expect((await failure(() => filesystem.open(Number(first!.object)))).code).toBe('EXTENT_ORDER');
  });

  it('content is checked, unless the file keeps no checksums', async () => {
    const inode = itemOf('plain/big', 1);
    const text = Buffer.from('oddd00000004096');
    const damage = (bytes: Buffer): void => void bytes.writeUInt8(0x58, bytes.indexOf(text));
    const bytes = image();
    damage(bytes);
    const { filesystem } = await open(bytes);
    const number = Number(inode.object);
    expect(await failure(async () => contentOf(await filesystem.open(number)))).toEqual({
      code: 'DATA_CHECKSUM',
      family: 'corrupt',
    });
    // Other sectors of it can be read, in any pieces.
    const file = await filesystem.open(number);
    const piece = new Uint8Array(16);
    await file.read(piece, 8192 + 16);
    expect(Buffer.from(piece).toString()).toBe('oddd00000008208\n');
    const unchecked = changed(inode.node, (all) => {
      damage(all);
      all.writeUInt8(all[inode.data + 64]! | 1, inode.data + 64);
    });
    const content = await contentOf(await (await open(unchecked)).filesystem.open(number));
    expect(Buffer.from(content.subarray(4096, 4112)).toString()).toBe('Xddd00000004096\n');
  });

  it.each(['zlib', 'lzo', 'zstd'])(
    'damage of what %s compressed is met by the decoder',
    async (algorithm) => {
      const inode = itemOf(`${algorithm}/big`, 1);
      const extent = itemOf(`${algorithm}/big`, 108);
      const address = Number(pristine.readBigUInt64LE(extent.data + 21));
      // Data chunks of this image: their addresses begin where they lie, as the chunk tree says.
      const chunk = treeOfChunks().find((one) => one.start <= address && address < one.end)!;
      const place = chunk.place + address - chunk.start;
      const bytes = changed(inode.node, (all) => {
        all.writeUInt8(all[inode.data + 64]! | 1, inode.data + 64);
        all.fill(0xff, place + 8, place + 400);
      });
      const { filesystem } = await open(bytes);
      expect((await failure(async () => contentOf(await filesystem.open(Number(inode.object))))).code).toBe(
        'COMPRESSED',
      );
    },
  );
});

/** Chunks of the one device, from the chunk tree's leaf. */
function treeOfChunks(): { start: number; end: number; place: number }[] {
  const leaf = nodes.find(({ owner, level }) => owner === 3 && level === 0)!;
  return itemsOf(pristine, leaf.at)
    .filter(({ type }) => type === 228)
    .map(({ data, offset }) => ({
      start: Number(offset),
      end: Number(offset + pristine.readBigUInt64LE(data)),
      place: Number(pristine.readBigUInt64LE(data + 56)),
    }));
}

describe('what is unused is not believed', () => {
  const extents = itemsIn(2);
  const refused = async (bytes: Buffer): Promise<string> => {
    const { filesystem } = await open(bytes);
    return (await failure(() => filesystem.unusedExtents())).code;
  };
  const group = extents.find(({ type }) => type === 192)!;
  const extent = extents.find(({ type, data }) => type === 168 && pristine[data + 16] === 1)!;

  it('when a block group counts otherwise', async () => {
    expect(await refused(changed(group.node, (bytes) => bytes.writeUInt8(1, group.data)))).toBe('USED');
  });

  it('when the superblock counts otherwise', async () => {
    const bytes = image();
    bytes.writeUInt8(bytes[SUPERBLOCK + 120]! ^ 1, SUPERBLOCK + 120);
    seal(bytes, SUPERBLOCK, 4096);
    expect(await refused(bytes)).toBe('USED');
  });

  it('when a file refers to what is not allocated, though all counts agree', async () => {
    const owner = extents.findLast((item) => item.type === 192 && item.object <= extent.object)!;
    expect(owner.node).toBe(extent.node);
    const bytes = changed(extent.node, (all) => {
      all.writeUInt8(167, extent.at + 8);
      all.writeBigUInt64LE(all.readBigUInt64LE(owner.data) - extent.offset, owner.data);
    });
    bytes.writeBigUInt64LE(bytes.readBigUInt64LE(SUPERBLOCK + 120) - extent.offset, SUPERBLOCK + 120);
    seal(bytes, SUPERBLOCK, 4096);
    expect(await refused(bytes)).toBe('FREE_IN_USE');
  });

  it('when extents overlap', async () => {
    const bytes = changed(extent.node, (all) =>
      all.writeBigUInt64LE(extent.offset + 1_048_576n, extent.at + 9),
    );
    expect(await refused(bytes)).toBe('EXTENT_OVERLAP');
  });

  it('when the device tree has other chunks', async () => {
    const taken = itemsIn(4).find(({ type }) => type === 204)!;
    const bytes = changed(taken.node, (all) => all.writeUInt8(all[taken.data + 16]! ^ 1, taken.data + 16));
    expect(await refused(bytes)).toBe('DEV_EXTENT');
  });

  it('while a device is being replaced', async () => {
    // No item of it is there: the first of the device tree, statistics, becomes one that says `started`.
    const [item] = itemsIn(4);
    const bytes = changed(item!.node, (all) => {
      all.writeUInt8(250, item!.at + 8);
      all.writeBigUInt64LE(1n, item!.data + 24);
    });
    expect(await refused(bytes)).toBe('DEV_REPLACE');
  });

  it('when the free-space tree says otherwise', async () => {
    const free = itemsIn(10).find(({ type, offset }) => type === 199 && offset > 100_000n)!;
    const less = changed(free.node, (all) => all.writeBigUInt64LE(free.offset - 65_536n, free.at + 9));
    expect(await refused(less)).toBe('FREE_SPACE');
    const more = changed(free.node, (all) => all.writeBigUInt64LE(free.object - 4096n, free.at));
    expect(await refused(more)).toBe('FREE_SPACE');
  });

  it('with a read-only feature that is not known', async () => {
    const bytes = image();
    bytes.writeUInt8(0x80, SUPERBLOCK + 180 + 3);
    seal(bytes, SUPERBLOCK, 4096);
    expect(await refused(bytes)).toBe('FEATURE');
  });

  it('when the image is cut short', async () => {
    const { filesystem, log } = await open(image().subarray(0, 60 * 1024 * 1024));
    expect(codesOf(log)).toEqual(['TRUNCATED']);
    expect((await failure(() => filesystem.unusedExtents())).code).toBe('TRUNCATED');
  });
});
