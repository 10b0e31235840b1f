/** Structures that lie: each change is worked by hand on an image that a kernel made. */
import { describe, expect, it } from 'vitest';
import type { ErrorFamily } from '../../../../src/core/errors.ts';
import { ImgoptError } from '../../../../src/core/errors.ts';
import { memorySource } from '../../../../src/sources/memory.ts';
import { fixtureBytes } from '../../../support/fixtures.ts';
import { latin1Path, type OpenedXfs, openXfs, XFS_IMAGES } from '../../../support/xfs.ts';

const image = (name: 'v4' | 'v5'): Buffer => fixtureBytes(`xfs/${name}.img`);
const BLOCK = { v4: 1024, v5: 4096 } as const;
const inodeOf = (name: 'v4' | 'v5', path: string): number => XFS_IMAGES[name]!.entries[path]!.inode;

/** CRC-32C bit by bit, the slow way of RFC 3720, as XFS stores it. */
function seal(bytes: Buffer, at: number, size: number, crcAt: number): void {
  bytes.fill(0, at + crcAt, at + crcAt + 4);
  let crc = 0xffffffff;
  for (let i = at; i < at + size; i++) {
    crc ^= bytes[i]!;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  bytes.writeUInt32LE(~crc >>> 0, at + crcAt);
}

const open = (bytes: Buffer): Promise<OpenedXfs> => openXfs(memorySource(bytes));

async function codesOf(bytes: Buffer): Promise<string[]> {
  const { log } = await open(bytes);
  return [...new Set(log.list().map(({ code }) => code.replace('IMGOPT_XFS_', '')))].sort();
}

async function failure(work: () => Promise<unknown>): Promise<{ code: string; family: ErrorFamily }> {
  try {
    await work();
  } catch (error) {
    if (error instanceof ImgoptError) return { code: error.code, family: error.family };
    throw error;
  }
  throw new Error('nothing failed');
}

async function unusedFailure(bytes: Buffer): Promise<string> {
  const { filesystem } = await open(bytes);
  const { code, family } = await failure(() => filesystem.unusedExtents());
  expect(family).toBe('corrupt');
  return code.replace('IMGOPT_XFS_', '');
}

/** Byte of an inode: both images have groups of a power of two of blocks, so that numbers are addresses. */
function inodeAt(name: 'v4' | 'v5', inode: number): number {
  return inode * (name === 'v4' ? 256 : 512);
}
const coreSize = { v4: 100, v5: 176 } as const;

function sealInode(bytes: Buffer, inode: number): void {
  seal(bytes, inodeAt('v5', inode), 512, 100);
}

/** First block of an inode's first extent. */
function firstBlock(bytes: Buffer, name: 'v4' | 'v5', path: string): number {
  const at = inodeAt(name, inodeOf(name, path)) + coreSize[name];
  return bytes.readUInt32BE(at + 8) * 2 ** 11 + (bytes.readUInt32BE(at + 12) >>> 21);
}

describe('hostile superblocks', () => {
  // In version 4, so that each field is met by its own check and not by the checksum.
  it.each<[string, number, 1 | 2 | 4, number, string, ErrorFamily]>([
    ['magic', 0, 4, 0x58465341, 'XFS_MAGIC', 'corrupt'],
    ['version 3', 100, 2, 0xb4a3, 'XFS_VERSION', 'unsupported'],
    ['version 6', 100, 2, 0xb4a6, 'XFS_VERSION', 'unsupported'],
    ['old directories', 100, 2, 0x94a4, 'XFS_FEATURE', 'unsupported'],
    ['shared version', 100, 2, 0xb6a4, 'XFS_FEATURE', 'unsupported'],
    ['realtime', 20, 4, 1, 'XFS_REALTIME', 'unsupported'],
    ['unfinished', 126, 1, 1, 'XFS_IN_PROGRESS', 'corrupt'],
    ['sector size 0', 102, 2, 0, 'XFS_SECTOR_SIZE', 'corrupt'],
    ['sector size 768', 102, 2, 768, 'XFS_SECTOR_SIZE', 'corrupt'],
    ['sector above block', 102, 2, 4096, 'XFS_BLOCK_SIZE', 'corrupt'],
    ['block size 0', 4, 4, 0, 'XFS_BLOCK_SIZE', 'corrupt'],
    ['block size 3000', 4, 4, 3000, 'XFS_BLOCK_SIZE', 'corrupt'],
    ['block size 2^31', 4, 4, 0x80000000, 'XFS_BLOCK_SIZE', 'corrupt'],
    ['block log', 120, 1, 200, 'XFS_BLOCK_SIZE', 'corrupt'],
    ['inode size 0', 104, 2, 0, 'XFS_INODE_SIZE', 'corrupt'],
    ['inode size above half a block', 104, 2, 1024, 'XFS_INODE_SIZE', 'corrupt'],
    ['inodes per block', 106, 2, 0, 'XFS_INODE_SIZE', 'corrupt'],
    ['inodes per block, log', 123, 1, 9, 'XFS_INODE_SIZE', 'corrupt'],
    ['directory block size', 192, 1, 7, 'XFS_DIRECTORY_BLOCK_SIZE', 'corrupt'],
    ['directory block size, absurd', 192, 1, 255, 'XFS_DIRECTORY_BLOCK_SIZE', 'corrupt'],
    ['no blocks', 12, 4, 0, 'XFS_BLOCKS_COUNT', 'corrupt'],
    ['2^63 blocks', 8, 4, 0x80000000, 'NUMBER_TOO_LARGE', 'corrupt'],
    ['2^51 blocks', 8, 4, 0x80000, 'XFS_BLOCKS_COUNT', 'corrupt'],
    ['no groups', 88, 4, 0, 'XFS_GROUPS', 'corrupt'],
    ['too many groups', 88, 4, 0xffffffff, 'XFS_GROUPS', 'corrupt'],
    ['groups of nothing', 84, 4, 0, 'XFS_GROUPS', 'corrupt'],
    ['groups of too much', 84, 4, 0xffffffff, 'XFS_GROUPS', 'corrupt'],
    ['span of a group', 124, 1, 60, 'XFS_GROUPS', 'corrupt'],
    ['log outside', 52, 4, 0x7fffffff, 'XFS_LOG_OUT_OF_RANGE', 'corrupt'],
    ['log too long', 96, 4, 0xffffffff, 'XFS_LOG_OUT_OF_RANGE', 'corrupt'],
    ['log of nothing', 96, 4, 0, 'XFS_LOG_OUT_OF_RANGE', 'corrupt'],
    ['root nowhere', 60, 4, 0x7fffffff, 'XFS_ROOT', 'corrupt'],
    ['root is a file', 60, 4, inodeOf('v4', '/short'), 'XFS_ROOT', 'corrupt'],
  ])('%s', async (_name, offset, width, value, code, family) => {
    const bytes = image('v4');
    bytes.writeUIntBE(value, offset, width);
    bytes.fill(0, bytes.length / 2, bytes.length / 2 + 512); // the copy in the second group, of two
    expect(await failure(() => open(bytes))).toEqual({ code: `IMGOPT_${code}`, family });
  });

  it.each<[string, number]>([
    ['the label', 110],
    ['the count of groups', 91],
  ])('does not trust a wrong checksum, goes on with a copy and drops nothing: %s', async (_name, offset) => {
    const bytes = image('v5');
    bytes[offset]! ^= 1;
    const { filesystem, table, log } = await open(bytes);
    // The copy does not name the filesystem's own inodes.
    const codes = log.list().map(({ code, severity }) => `${code} ${severity}`);
    expect(codes.sort()).toEqual(['IMGOPT_XFS_SUPERBLOCK_CHECKSUM error', 'IMGOPT_XFS_UNATTACHED warning']);
    expect(table.count).toBe(Object.keys(XFS_IMAGES['v5']!.entries).length);
    expect(filesystem.state).toBe('needs-recovery');
    await expect(filesystem.unusedExtents()).rejects.toThrow('its superblock is damaged');
    // Without the copy there is nothing to go on with.
    bytes.fill(0, bytes.length / 2, bytes.length / 2 + 512);
    expect(await failure(() => open(bytes))).toEqual({
      code: 'IMGOPT_XFS_SUPERBLOCK_CHECKSUM',
      family: 'corrupt',
    });
  });

  it('names incompatible features that it does not know', async () => {
    const bytes = image('v5');
    bytes.writeUInt32BE(bytes.readUInt32BE(216) | 0x40000100, 216);
    seal(bytes, 0, 512, 224);
    await expect(open(bytes)).rejects.toThrow('uses METADIR, FEATURE_I30');
  });

  it('goes on with the copy of version 4 as well', async () => {
    const bytes = image('v4');
    bytes.writeUInt16BE(0, 104); // inode size
    const { table, log } = await open(bytes);
    expect(log.list().map(({ code }) => code)).toContain('IMGOPT_XFS_INODE_SIZE');
    expect(table.count).toBe(Object.keys(XFS_IMAGES['v4']!.entries).length);
  });

  it('reads with an unknown read-only feature, but calls nothing unused', async () => {
    const bytes = image('v5');
    bytes.writeUInt32BE(bytes.readUInt32BE(212) | 0x100, 212);
    seal(bytes, 0, 512, 224);
    const { filesystem, log } = await open(bytes);
    expect(log.list()).toEqual([]);
    expect(filesystem.features).toContain('FEATURE_R8');
    expect(await failure(() => filesystem.unusedExtents())).toEqual({
      code: 'IMGOPT_XFS_FEATURE',
      family: 'unsupported',
    });
  });

  it('takes a filesystem that xfs_repair left half-way as it stands', async () => {
    const bytes = image('v5');
    bytes.writeUInt32BE(bytes.readUInt32BE(216) | 0x10, 216);
    seal(bytes, 0, 512, 224);
    const { filesystem } = await open(bytes);
    expect(filesystem.state).toBe('needs-recovery');
    await expect(filesystem.unusedExtents()).rejects.toThrow('NEEDSREPAIR');
  });
});

describe('hostile group headers', () => {
  it.each<[string, number, number, string]>([
    ['AGF magic', 512, 0, 'GROUP_MAGIC'],
    ['AGF version', 516, 2, 'GROUP_VERSION'],
    ['AGF of another group', 520, 1, 'GROUP_HEADER'],
    ['AGF length', 524, 99, 'GROUP_HEADER'],
    ['free blocks', 512 + 52, 0xffffffff, 'GROUP_COUNTS'],
    ['free list, first', 512 + 40, 0xffff, 'FREE_LIST'],
    ['free list, count', 512 + 48, 3, 'FREE_LIST'],
    ['AGI magic', 1024, 0, 'GROUP_MAGIC'],
    ['AGI length', 1036, 1, 'GROUP_HEADER'],
  ])('%s', async (_name, offset, value, code) => {
    const bytes = image('v4');
    bytes.writeUInt32BE(value, offset);
    if (_name === 'free list, count' && image('v4').readUInt32BE(offset) === 3)
      bytes.writeUInt32BE(2, offset);
    // Without the AGI of its group the root is not found.
    if (_name.startsWith('AGI')) expect((await failure(() => open(bytes))).code).toBe('IMGOPT_XFS_ROOT');
    else {
      expect(await codesOf(bytes)).toEqual([code]);
      expect(await unusedFailure(bytes)).toBe('GROUP_DAMAGED');
    }
  });

  it.each<[string, number, number, number]>([
    ['AGF', 512, 216, 64],
    ['AGFL', 1536, 32, 8],
  ])('%s: checksum and UUID of version 5', async (_name, at, crcAt, uuidAt) => {
    const bytes = image('v5');
    bytes[at + uuidAt]! ^= 1;
    expect(await codesOf(bytes)).toEqual(['GROUP_CHECKSUM']);
    seal(bytes, at, 512, crcAt);
    expect(await codesOf(bytes)).toEqual(['GROUP_UUID']);
    expect(await unusedFailure(bytes)).toBe('GROUP_DAMAGED');
  });

  it('names no free list block outside of its group', async () => {
    const bytes = image('v4');
    bytes.writeUInt32BE(0x7fffffff, 1536 + 4 * bytes.readUInt32BE(512 + 40));
    expect(await codesOf(bytes)).toEqual(['FREE_LIST']);
  });
});

describe('hostile free-space btrees', () => {
  const rootOf = (bytes: Buffer, name: 'v4' | 'v5', field = 16): number =>
    bytes.readUInt32BE(512 + field) * BLOCK[name];
  /** Byte of the first record of the version 4 image's first group: pointers stand behind the keys of all that fit. */
  const firstRecord = (bytes: Buffer): number => {
    let block = rootOf(bytes, 'v4');
    while (bytes.readUInt16BE(block + 4) > 0)
      block = bytes.readUInt32BE(block + 16 + 8 * Math.floor((1024 - 16) / 12)) * 1024;
    return block + 16;
  };

  it.each<[string, (bytes: Buffer, root: number) => void, string]>([
    ['root outside', (bytes) => bytes.writeUInt32BE(0x7fffffff, 512 + 16), 'TREE_OUT_OF_RANGE'],
    ['root in the header', (bytes) => bytes.writeUInt32BE(0, 512 + 16), 'TREE_OUT_OF_RANGE'],
    ['no levels', (bytes) => bytes.writeUInt32BE(0, 512 + 28), 'TREE_LEVELS'],
    ['too many levels', (bytes) => bytes.writeUInt32BE(0xffffffff, 512 + 28), 'TREE_LEVELS'],
    ['another level', (bytes) => bytes.writeUInt32BE(4, 512 + 28), 'TREE_HEADER'],
    ['magic', (bytes, root) => bytes.writeUInt32BE(0x41425443, root), 'TREE_MAGIC'],
    ['too many records', (bytes, root) => bytes.writeUInt16BE(0xffff, root + 6), 'TREE_HEADER'],
    [
      'a circle',
      (bytes, root) => {
        // A node of level 1 whose only pointer, behind the keys of all that fit, is itself.
        bytes.writeUInt32BE(2, 512 + 28);
        bytes.writeUInt16BE(1, root + 4);
        bytes.writeUInt16BE(1, root + 6);
        bytes.writeUInt32BE(root / 1024, root + 16 + 8 * Math.floor((1024 - 16) / 12));
      },
      'TREE_CYCLE',
    ],
    ['one tree in two places', (bytes) => bytes.copyWithin(512 + 20, 512 + 16, 512 + 20), 'TREE_CYCLE'],
    ['the header counts others', (bytes) => bytes.writeUInt32BE(7, 512 + 52), 'FREE_COUNT'],
    ['the longest is another', (bytes) => bytes.writeUInt32BE(1, 512 + 56), 'FREE_COUNT'],
    ['a record of nothing', (bytes) => bytes.writeUInt32BE(0, firstRecord(bytes) + 4), 'FREE_SPACE'],
    [
      'a record past the end',
      (bytes) => bytes.writeUInt32BE(0xffffffff, firstRecord(bytes) + 4),
      'FREE_SPACE',
    ],
    [
      'a record at the start of the group',
      (bytes) => {
        // The same in both trees, with the same length, so that only what lies there contradicts.
        const record = firstRecord(bytes);
        const twin = Buffer.from(bytes.subarray(record, record + 8));
        bytes.writeUInt32BE(0, record);
        let found = 0;
        for (let block = 0; block < 16384 * 1024; block += 1024) {
          if (bytes.toString('latin1', block, block + 4) !== 'ABTC' || bytes.readUInt16BE(block + 4) !== 0)
            continue;
          for (let i = 0, at = block + 16; i < bytes.readUInt16BE(block + 6); i++, at += 8) {
            if (bytes.compare(twin, 0, 8, at, at + 8) !== 0) continue;
            bytes.writeUInt32BE(0, at);
            found++;
          }
        }
        expect(found).toBeGreaterThan(0);
      },
      'FREE_IN_USE',
    ],
    [
      'free by place, not by length',
      (bytes) => bytes.writeUInt32BE(bytes.readUInt32BE(firstRecord(bytes)) + 1, firstRecord(bytes)),
      'FREE_SPACE',
    ],
  ])('%s', async (_name, change, code) => {
    const bytes = image('v4');
    change(bytes, rootOf(bytes, 'v4'));
    expect(await unusedFailure(bytes)).toBe(code);
  });

  it.each<[string, number, number]>([
    ['address', 16 + 7, 1],
    ['UUID', 32, 1],
    ['owner', 48 + 3, 1],
  ])('a block of version 5 with another %s', async (_name, offset, flip) => {
    const bytes = image('v5');
    const root = rootOf(bytes, 'v5');
    bytes[root + offset]! ^= flip;
    expect(await unusedFailure(bytes)).toBe('TREE_CHECKSUM');
    seal(bytes, root, 4096, 52);
    expect(await unusedFailure(bytes)).toBe('TREE_CHECKSUM');
    bytes[root + offset]! ^= flip;
    seal(bytes, root, 4096, 52);
    expect((await (await open(bytes)).filesystem.unusedExtents()).isEmpty).toBe(false);
  });

  it('are held against the reverse map', async () => {
    const bytes = image('v5');
    const wanted = XFS_IMAGES['v5']!.entries['/big']!;
    const at = inodeAt('v5', wanted.inode) + 176;
    const block = bytes.readUInt32BE(at + 8) * 2 ** 11 + (bytes.readUInt32BE(at + 12) >>> 21);
    // The longest free stretch moves to where /big is, in both trees.
    const longest = bytes.readUInt32BE(512 + 56);
    for (const field of [16, 20]) {
      const root = rootOf(bytes, 'v5', field);
      for (let i = 0; i < bytes.readUInt16BE(root + 6); i++) {
        const record = root + 56 + 8 * i;
        if (bytes.readUInt32BE(record + 4) === longest) bytes.writeUInt32BE(block, record);
      }
      seal(bytes, root, 4096, 52);
    }
    expect(await unusedFailure(bytes)).toMatch(/^FREE_(IN_USE|SPACE)$/);
  });
});

describe('hostile inodes', () => {
  it('is found out by its checksum, its own number and its UUID', async () => {
    const inode = inodeOf('v5', '/short');
    for (const offset of [152 + 7, 160]) {
      const bytes = image('v5');
      bytes[inodeAt('v5', inode) + offset]! ^= 1;
      expect(await codesOf(bytes)).toEqual(['INODE_DAMAGED']);
      sealInode(bytes, inode);
      expect(await codesOf(bytes)).toEqual(['INODE_DAMAGED']);
      const { filesystem } = await open(bytes);
      expect((await failure(() => filesystem.open(inode))).code).toBe('IMGOPT_XFS_INODE_DAMAGED');
    }
  });

  it('that is none leaves a damaged entry', async () => {
    const bytes = image('v5');
    bytes.writeUInt16BE(0, inodeAt('v5', inodeOf('v5', '/big')));
    expect(await codesOf(bytes)).toEqual(['DIRENT_DELETED', 'INODE_DAMAGED']);
  });

  it.each<[string, string, (bytes: Buffer, at: number) => void, string]>([
    ['fork beyond the inode', '/big', (bytes, at) => bytes.writeUInt8(255, at + 82), 'INODE_FORK'],
    ['format of the future', '/big', (bytes, at) => bytes.writeUInt8(9, at + 5), 'INODE_FORK'],
    ['too many extents', '/big', (bytes, at) => bytes.writeUInt32BE(0xffffffff, at + 76), 'EXTENT_COUNT'],
    [
      'extent outside',
      '/big',
      (bytes, at) => bytes.writeUInt32BE(0xffffffff, at + 108),
      'BLOCK_OUT_OF_RANGE',
    ],
    ['extent of nothing', '/big', (bytes, at) => bytes.writeUInt32BE(0, at + 112), 'EXTENT_ORDER'],
    ['size above 2^53', '/big', (bytes, at) => bytes.writeUInt32BE(0x7fffffff, at + 56), 'FILE_SIZE'],
    ['realtime', '/big', (bytes, at) => bytes.writeUInt16BE(1, at + 90), 'REALTIME'],
    ['root of a map', '/islands', (bytes, at) => bytes.writeUInt16BE(0xffff, at + 102), 'MAP_HEADER'],
    ['level of a map', '/islands', (bytes, at) => bytes.writeUInt16BE(99, at + 100), 'MAP_HEADER'],
  ])('%s', async (_name, path, change, code) => {
    const bytes = image('v4');
    const inode = inodeOf('v4', path);
    change(bytes, inodeAt('v4', inode));
    const { filesystem } = await open(bytes);
    expect((await failure(() => filesystem.open(inode))).code).toBe(`IMGOPT_XFS_${code}`);
  });

  it('whose map leads in a circle', async () => {
    const bytes = image('v4');
    const inode = inodeOf('v4', '/islands');
    const at = inodeAt('v4', inode);
    const fork = bytes.readUInt8(at + 82) * 8 || 156;
    const pointer = at + 100 + 4 + 8 * Math.floor((fork - 4) / 16);
    const block = Number(bytes.readBigUInt64BE(pointer));
    expect(bytes.toString('latin1', block * 1024, block * 1024 + 4)).toBe('BMAP');
    const level = bytes.readUInt16BE(at + 100);
    // Its first block becomes a node of its own level that points to itself; the root grows by a level.
    bytes.writeUInt16BE(level + 1, at + 100);
    bytes.writeUInt16BE(1, at + 102);
    bytes.writeUInt16BE(level, block * 1024 + 4);
    bytes.writeUInt16BE(1, block * 1024 + 6);
    bytes.writeBigUInt64BE(BigInt(block), block * 1024 + 24 + 8 * Math.floor((1024 - 24) / 16));
    const { filesystem } = await open(bytes);
    expect((await failure(() => filesystem.open(inode))).code).toBe('IMGOPT_XFS_MAP_CYCLE');
  });

  it('refuses content that is none', async () => {
    const { filesystem } = await open(image('v5'));
    const code = async (work: Promise<unknown>): Promise<string> =>
      (await failure(() => work)).code.replace('IMGOPT_XFS_', '');
    expect(await code(filesystem.open(inodeOf('v5', '/shortform')))).toBe('NOT_A_FILE');
    expect(await code(filesystem.readLink(inodeOf('v5', '/big')))).toBe('NOT_A_LINK');
    for (const none of [0, -1, 1.5, 2 ** 40, Number.NaN]) {
      expect(await code(filesystem.open(none))).toBe('INODE_OUT_OF_RANGE');
    }
    const source = await filesystem.open(inodeOf('v5', '/big'));
    expect((await failure(() => source.read(new Uint8Array(2), source.size - 1))).family).toBe('corrupt');
  });

  it('tells holes and unwritten extents of a file from data', async () => {
    const { filesystem } = await open(image('v5'));
    const kinds = async (path: string): Promise<string> => {
      let text = '';
      for await (const batch of (await filesystem.open(inodeOf('v5', path))).extents()) {
        for (const { kind } of batch) text += kind[0];
      }
      return text;
    };
    expect(await kinds('/sparse')).toBe('hd');
    expect(await kinds('/prealloc')).toBe('zdz');
    expect(await kinds('/big')).toBe('d');
  });
});

describe('hostile inode chunks', () => {
  const rootOf = (bytes: Buffer): number => bytes.readUInt32BE(1024 + 20) * 1024;
  it.each<[string, (bytes: Buffer, root: number) => void, string[]]>([
    ['free count', (bytes, root) => bytes.writeUInt32BE(1, root + 16 + 4), ['INODE_CHUNK']],
    ['outside', (bytes, root) => bytes.writeUInt32BE(0xffffffc0, root + 16), ['INODE_CHUNK']],
    ['counts of the header', (bytes) => bytes.writeUInt32BE(1, 1024 + 16), ['INODE_COUNTS']],
  ])('%s', async (_name, change, codes) => {
    const bytes = image('v4');
    change(bytes, rootOf(bytes));
    let found: string[];
    try {
      found = await codesOf(bytes);
    } catch (error) {
      // Without its chunk the root is gone as well.
      expect((error as ImgoptError).code).toBe('IMGOPT_XFS_ROOT');
      return;
    }
    expect(found).toEqual(expect.arrayContaining(codes));
    expect(codes).toContain(await unusedFailure(bytes));
  });
});

describe('hostile directories', () => {
  const blockOf = (bytes: Buffer, path: string): number => firstBlock(bytes, 'v4', path) * 1024;

  it.each<[string, (bytes: Buffer, block: number) => void, string[]]>([
    ['magic', (bytes, block) => bytes.writeUInt32BE(0, block), ['DIRECTORY_DOTS', 'DIRECTORY_MAGIC']],
    [
      'leaf entries',
      (bytes, block) => bytes.writeUInt32BE(0x7fffffff, block + 4096 - 8),
      ['DIRECTORY_DOTS', 'DIRECTORY_HEADER'],
    ],
    ['name of nothing', (bytes, block) => bytes.writeUInt8(0, block + 16 + 32 + 8), ['DIRENT_LENGTH']],
    ['place of an entry', (bytes, block) => bytes.writeUInt16BE(1, block + 16 + 32 + 22), ['DIRENT_TAG']],
    ['slash in a name', (bytes, block) => bytes.writeUInt8(0x2f, block + 16 + 32 + 10), ['DIRENT_NAME']],
    ['unused length', (bytes, block) => bytes.writeUInt32BE(0xffff0003, block + 16 + 32), ['DIRENT_LENGTH']],
    ['inode nowhere', (bytes, block) => bytes.writeUInt32BE(0x7fff, block + 16 + 32), ['DIRENT_DELETED']],
    ["'.'", (bytes, block) => bytes.writeUInt32BE(77, block + 16 + 4), ['DIRECTORY_DOTS']],
    ["'..'", (bytes, block) => bytes.writeUInt32BE(77, block + 16 + 16 + 4), ['DIRECTORY_DOTS']],
  ])('%s', async (_name, change, codes) => {
    const bytes = image('v4');
    change(bytes, blockOf(bytes, '/block'));
    const found = await codesOf(bytes);
    // Names that are gone leave counts that are wrong.
    expect(found.filter((code) => code !== 'LINK_COUNT')).toEqual(codes);
  });

  it('that shares a block with another', async () => {
    const bytes = image('v4');
    const from = inodeAt('v4', inodeOf('v4', '/block')) + 100;
    bytes.copy(bytes, inodeAt('v4', inodeOf('v4', '/leaf')) + 100, from, from + 16);
    expect(await codesOf(bytes)).toContain('DIRECTORY_SHARED');
  });

  it('that is its own ancestor', async () => {
    const bytes = image('v4');
    const block = blockOf(bytes, '/shortform');
    const name = bytes.indexOf('below', block, 'latin1');
    expect(name - block).toBeLessThan(4096);
    bytes.writeBigUInt64BE(BigInt(inodeOf('v4', '/shortform')), name - 9);
    expect(await codesOf(bytes)).toEqual(expect.arrayContaining(['DIRECTORY_TWO_PARENTS']));
  });

  it('of version 5 is held against checksum, address and owner', async () => {
    for (const offset of [4, 8 + 7, 24, 40 + 7]) {
      const bytes = image('v5');
      const block = firstBlock(bytes, 'v5', '/block') * 4096;
      bytes[block + offset]! ^= 1;
      if (offset !== 4) seal(bytes, block, 4096, 4);
      expect(await codesOf(bytes)).toEqual(['DIRECTORY_CHECKSUM']);
    }
  });
});

describe('hostile symbolic links', () => {
  it.each<[string, number, boolean, string]>([
    ['magic', 0, true, 'LINK_MAGIC'],
    ['checksum', 60, false, 'LINK_CHECKSUM'],
    ['owner', 32 + 7, true, 'LINK_CHECKSUM'],
    ['address', 40 + 7, true, 'LINK_CHECKSUM'],
    ['offset', 4, true, 'LINK_LENGTH'],
    ['length', 8, true, 'LINK_LENGTH'],
  ])('%s', async (_name, offset, sealed, code) => {
    const bytes = image('v5');
    const block = firstBlock(bytes, 'v5', '/link1023') * 4096;
    bytes[block + offset]! ^= 1;
    if (sealed) seal(bytes, block, 4096, 12);
    const { filesystem } = await open(bytes);
    expect((await failure(() => filesystem.readLink(inodeOf('v5', '/link1023')))).code).toBe(
      `IMGOPT_XFS_${code}`,
    );
  });

  it.each<[string, string, number]>([
    ['in the inode', '/link', 4000],
    ['in the inode, absurd', '/link', 0xffffffff],
    ['in blocks', '/link1023', 1024],
  ])('with a wrong length, %s', async (_name, path, size) => {
    const bytes = image('v5');
    const inode = inodeOf('v5', path);
    bytes.writeUInt32BE(size, inodeAt('v5', inode) + 60);
    sealInode(bytes, inode);
    const { filesystem } = await open(bytes);
    expect((await failure(() => filesystem.readLink(inode))).code).toBe('IMGOPT_XFS_LINK_LENGTH');
  });
});

describe('logs', () => {
  /** Block and length of the log in bytes; groups are of a power of two of blocks. */
  const place = (bytes: Buffer): { start: number; size: number } => {
    const blockSize = bytes.readUInt32BE(4);
    return {
      start: Number(bytes.readBigUInt64BE(48)) * blockSize,
      size: bytes.readUInt32BE(96) * blockSize,
    };
  };
  /** Byte of the last record: the one with the highest sequence number. */
  const lastRecord = (bytes: Buffer): number => {
    const { start, size } = place(bytes);
    let found = -1;
    let highest = -1n;
    for (let at = start; at < start + size; at += 512) {
      if (bytes.readUInt32BE(at) !== 0xfeedbabe) continue;
      const lsn = bytes.readBigUInt64BE(at + 16);
      if (lsn > highest) [found, highest] = [at, lsn];
    }
    return found;
  };

  it.each<[string, (bytes: Buffer, record: number) => void, string]>([
    [
      'more than one operation',
      (bytes, at) => bytes.writeUInt32BE(2, at + 40),
      'its log waits to be replayed',
    ],
    ['no unmount', (bytes, at) => bytes.writeUInt8(0, at + 512 + 9), 'its log waits to be replayed'],
    ['a longer record', (bytes, at) => bytes.writeUInt32BE(2048, at + 12), 'its log waits to be replayed'],
    [
      'a changed record',
      (bytes, at) => bytes.writeUInt8(1, at + 512 + 20),
      'the last record of its log fails its checksum',
    ],
    [
      "another filesystem's",
      (bytes, at) => bytes.writeUInt8(0x77, at + 304),
      'its log is that of another filesystem',
    ],
    [
      'a block behind the record',
      (bytes, at) => bytes.writeUInt32BE(bytes.readUInt32BE(at + 4), at + 1024),
      'its log waits to be replayed',
    ],
  ])('%s', async (_name, change, reason) => {
    const bytes = image('v5');
    const record = lastRecord(bytes);
    expect(bytes.readUInt32LE(record + 32)).not.toBe(0);
    change(bytes, record);
    const { filesystem, log } = await open(bytes);
    expect(log.list()).toMatchObject([{ code: 'IMGOPT_XFS_NEEDS_RECOVERY', message: reason }]);
    expect(filesystem.state).toBe('needs-recovery');
  });

  it('of zeros is clean, as it is for the kernel', async () => {
    const bytes = image('v4');
    const { start, size } = place(bytes);
    bytes.fill(0, start, start + size);
    expect((await open(bytes)).filesystem.state).toBe('clean');
  });

  it('on another device is not known to be clean', async () => {
    const bytes = image('v4');
    bytes.fill(0, 48, 56);
    const { filesystem, log } = await open(bytes);
    expect(filesystem.state).toBe('needs-recovery');
    expect(log.list()).toMatchObject([{ message: 'its log is on another device' }]);
  });
});

describe('cut short and blown up', () => {
  it('reads what a truncated image still holds', async () => {
    const bytes = image('v4');
    const { filesystem, log } = await open(bytes.subarray(0, 20 * 1024 * 1024));
    expect(log.list().map(({ code }) => code)).toContain('IMGOPT_XFS_TRUNCATED');
    expect(filesystem.size).toBe(20 * 1024 * 1024);
    const { code, family } = await failure(() => filesystem.unusedExtents());
    expect([code, family].join()).toMatch(/XFS_TRUNCATED,corrupt|XFS_NEEDS_RECOVERY,unsupported/);
  });

  it('survives a cut at any place', async () => {
    const bytes = image('v5');
    for (let size = 0; size < bytes.length; size += 1_300_123) {
      try {
        const { table, filesystem } = await open(bytes.subarray(0, size));
        for (let entry = 0; entry < table.count; entry++) latin1Path(table, entry);
        await filesystem.metadataExtents();
      } catch (error) {
        expect(error).toBeInstanceOf(ImgoptError);
      }
    }
  });

  it('answers at once when a small source claims terabytes', async () => {
    const bytes = image('v4');
    const groups = 400_000;
    bytes.writeUInt32BE(groups, 88);
    bytes.writeBigUInt64BE(BigInt(groups) * 16384n, 8);
    const before = process.memoryUsage().rss;
    const start = performance.now();
    const { table, log } = await open(bytes);
    expect(performance.now() - start).toBeLessThan(10_000);
    expect(process.memoryUsage().rss - before).toBeLessThan(512 * 1024 * 1024);
    expect(log.list().map(({ code }) => code)).toContain('IMGOPT_XFS_TRUNCATED');
    expect(table.count).toBeGreaterThan(60);
  });
});
