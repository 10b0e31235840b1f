import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { DiagnosticLog, RunContext } from '../../../src/core/context.ts';
import type { Filesystem } from '../../../src/core/contracts/filesystem.ts';
import { type ErrorFamily, ImgoptError } from '../../../src/core/errors.ts';
import { FILE_FLAG, FILE_TYPE, type FileTable, FileTableBuilder } from '../../../src/core/file-table.ts';
import { extDriver } from '../../../src/disk/filesystems/ext/ext.ts';
import { memorySource } from '../../../src/sources/memory.ts';
import { readProbe } from '../../../src/sources/read.ts';
import { fixtureBytes, fixtureExpected } from '../../support/fixtures.ts';

interface ExpectedEntry {
  inode: number;
  mode: string;
  uid: number;
  gid: number;
  size: number;
  links: number;
  sectors: number;
  mtime: number;
  sha256?: string;
}
interface ExpectedImage {
  uuid: string;
  label: string;
  features: string[];
  blockSize: number;
  blocks: number;
  freeBlocks: number;
  free: [number, number][];
  entries: Record<string, ExpectedEntry>;
}

/** Written by debugfs and dumpe2fs; names as Latin-1. */
const expected = fixtureExpected<Record<string, ExpectedImage>>('ext');
const image = (name: string): Buffer => Buffer.from(fixtureBytes(`ext/${name}.img`));

interface Opened {
  filesystem: Filesystem;
  table: FileTable;
  codes: string[];
  log: DiagnosticLog;
}

async function openOnly(bytes: Uint8Array): Promise<{ filesystem: Filesystem; log: DiagnosticLog }> {
  const log = new DiagnosticLog();
  const context = new RunContext({ log });
  return { filesystem: await extDriver.open!(memorySource(bytes), context), log };
}

async function open(bytes: Uint8Array): Promise<Opened> {
  const { filesystem, log } = await openOnly(bytes);
  const builder = new FileTableBuilder();
  builder.beginSection();
  await filesystem.scan(builder);
  return { filesystem, table: builder.build(), log, codes: [...new Set(log.list().map(({ code }) => code))] };
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

function latin1Path(table: FileTable, entry: number): string {
  let path = '';
  for (let at = entry; table.parent[at]! >= 0; at = table.parent[at]!) {
    path = `/${Buffer.from(table.nameBytes(at)).toString('latin1')}${path}`;
  }
  return path;
}

const paths = (table: FileTable): string[] =>
  Array.from({ length: table.count - 1 }, (_, i) => latin1Path(table, i + 1)).sort();

describe('ext on fixtures', () => {
  for (const [name, wanted] of Object.entries(expected)) {
    it(`reads ${name} as debugfs does`, async () => {
      const bytes = image(name);
      const { filesystem, table, log } = await open(bytes);
      expect(log.list()).toEqual([]);
      const probe = extDriver.probe(await readProbe(memorySource(bytes)));
      const label = wanted.label === '<none>' ? null : wanted.label;
      expect(probe).toMatchObject({ certainty: 'certain', uuid: wanted.uuid, label });
      expect(filesystem.features).toEqual(wanted.features);
      expect(filesystem.state).toBe('clean');
      expect(paths(table)).toEqual(Object.keys(wanted.entries).sort());
      let allocated = 0;
      for (let entry = 1; entry < table.count; entry++) {
        const path = latin1Path(table, entry);
        const { sha256, mode, sectors, mtime, ...rest } = wanted.entries[path]!;
        expect({
          path,
          inode: table.inode[entry],
          mode: table.mode[entry],
          uid: table.uid[entry],
          gid: table.gid[entry],
          size: table.size[entry],
          links: table.links[entry],
          allocated: table.allocated[entry],
          modified: table.modified[entry],
        }).toEqual({
          ...rest,
          path,
          mode: Number.parseInt(mode, 8) & 0o7777,
          allocated: sectors * 512,
          modified: mtime,
        });
        if (sha256 !== undefined) {
          const source = await filesystem.open(table.inode[entry]!);
          const content = new Uint8Array(source.size);
          await source.read(content, 0);
          expect({ path, sha256: createHash('sha256').update(content).digest('hex') }).toEqual({
            path,
            sha256,
          });
        }
        if (table.isCounted(entry) && table.type[entry] !== FILE_TYPE.directory) allocated += sectors * 512;
      }
      const unused = await filesystem.unusedExtents();
      const blocks: number[] = [];
      for (const { start, end } of unused) {
        for (let at = start; at < end; at += wanted.blockSize) blocks.push(at / wanted.blockSize);
      }
      expect(blocks).toEqual(
        wanted.free.flatMap(([a, b]) => Array.from({ length: b - a + 1 }, (_, i) => a + i)),
      );
      expect(filesystem.usage().unused).toBe(wanted.freeBlocks * wanted.blockSize);
      expect(filesystem.size).toBe(wanted.blocks * wanted.blockSize);
      const metadata = await filesystem.metadataExtents();
      expect(filesystem.size - unused.total - metadata.total).toBe(allocated);
    });
  }

  it('marks the second name of an inode, once', async () => {
    const { table } = await open(image('ext4'));
    const links = ['short', 'hard'].map((name) => table.child(0, name));
    const flags = links.map((entry) => table.flags[entry]! & FILE_FLAG.secondaryLink);
    expect(flags.sort()).toEqual([0, FILE_FLAG.secondaryLink]);
  });

  it('tells holes and unwritten extents of a file from data', async () => {
    const { filesystem, table } = await open(image('ext4'));
    const kinds = async (name: string): Promise<string> => {
      const source = await filesystem.open(table.inode[table.child(0, name)]!);
      let text = '';
      let end = 0;
      for await (const batch of source.extents()) {
        for (const extent of batch) {
          expect(extent.start).toBe(end);
          end = extent.end;
          text += extent.kind[0];
        }
      }
      expect(end).toBe(source.size);
      return text;
    };
    expect(await kinds('sparse')).toBe('dhd');
    expect(await kinds('holes')).toBe('dhdhdhdhdhdhdhdhdhd');
    expect(await kinds('big')).toBe('d');
  });

  it('refuses content that is none', async () => {
    const { filesystem, table } = await open(image('ext4'));
    const inode = (name: string): number => table.inode[table.child(0, name)]!;
    expect(await failure(() => filesystem.open(inode('many')))).toEqual({
      code: 'IMGOPT_EXT_NOT_A_FILE',
      family: 'corrupt',
    });
    expect(await failure(() => filesystem.readLink(inode('big')))).toEqual({
      code: 'IMGOPT_EXT_NOT_A_LINK',
      family: 'corrupt',
    });
    expect(await failure(() => filesystem.open(9999))).toEqual({
      code: 'IMGOPT_EXT_INODE_OUT_OF_RANGE',
      family: 'corrupt',
    });
    const source = await filesystem.open(inode('big'));
    expect(await failure(() => source.read(new Uint8Array(2), source.size - 1))).toMatchObject({
      family: 'corrupt',
    });
  });
});

/** Offsets in the superblock (ext2_fs.h). */
const S = 1024;

describe('hostile superblocks', () => {
  // On the fixture without checksums, so that each field is met by its own check.
  it.each<[string, number, 1 | 2 | 4, number, string, ErrorFamily]>([
    ['magic', 0x38, 2, 0xef54, 'EXT_MAGIC', 'corrupt'],
    ['revision', 0x4c, 4, 2, 'EXT_REVISION', 'unsupported'],
    ['block size', 0x18, 4, 7, 'EXT_BLOCK_SIZE', 'corrupt'],
    ['absurd block size', 0x18, 4, 0xffffffff, 'EXT_BLOCK_SIZE', 'corrupt'],
    ['no blocks', 0x04, 4, 0, 'EXT_BLOCKS_COUNT', 'corrupt'],
    ['no blocks per group', 0x20, 4, 0, 'EXT_BLOCKS_PER_GROUP', 'corrupt'],
    ['too many blocks per group', 0x20, 4, 8200, 'EXT_BLOCKS_PER_GROUP', 'corrupt'],
    ['odd blocks per group', 0x20, 4, 8191, 'EXT_BLOCKS_PER_GROUP', 'corrupt'],
    ['first data block', 0x14, 4, 0, 'EXT_FIRST_DATA_BLOCK', 'corrupt'],
    ['first data block outside', 0x14, 4, 0xfffffff0, 'EXT_FIRST_DATA_BLOCK', 'corrupt'],
    ['inode size 0', 0x58, 2, 0, 'EXT_INODE_SIZE', 'corrupt'],
    ['inode size 192', 0x58, 2, 192, 'EXT_INODE_SIZE', 'corrupt'],
    ['inode size above block', 0x58, 2, 2048, 'EXT_INODE_SIZE', 'corrupt'],
    ['no inodes per group', 0x28, 4, 0, 'EXT_INODES_PER_GROUP', 'corrupt'],
    ['too many inodes per group', 0x28, 4, 0x7fffffff, 'EXT_INODES_PER_GROUP', 'corrupt'],
    ['inode count', 0x00, 4, 4_000_000_000, 'EXT_INODES_COUNT', 'corrupt'],
    ['block count against inode count', 0x04, 4, 0xffffffff, 'EXT_INODES_COUNT', 'corrupt'],
    ['reserved descriptor blocks', 0xce, 2, 0xffff, 'EXT_RESERVED_GDT', 'corrupt'],
    ['descriptor size', 0x60, 4, 0x82, 'EXT_DESC_SIZE', 'corrupt'], // 64bit with s_desc_size 0
    ['first meta group', 0x104, 4, 99, 'EXT_FIRST_META_BG', 'corrupt'],
    ['journal device', 0x60, 4, 0x0a, 'EXT_JOURNAL_DEVICE', 'unsupported'],
    ['compression', 0x60, 4, 0x03, 'EXT_FEATURE', 'unsupported'],
    ['dirdata', 0x60, 4, 0x1002, 'EXT_FEATURE', 'unsupported'],
    ['a feature of the future', 0x60, 4, 0x2000_0002, 'EXT_FEATURE', 'unsupported'],
    ['checksum type', 0x64, 4, 0x401, 'EXT_CHECKSUM_TYPE', 'unsupported'],
    ['cluster size', 0x64, 4, 0x201, 'EXT_CLUSTER_SIZE', 'corrupt'],
  ])('%s', async (field, offset, width, value, code, family) => {
    const bytes = image('ext2');
    if (field === 'first meta group') bytes.writeUInt32LE(0x12, S + 0x60);
    if (field === 'cluster size') bytes.writeUInt32LE(40, S + 0x1c);
    bytes.writeUIntLE(value, S + offset, width);
    expect(await failure(() => openOnly(bytes))).toEqual({ code: `IMGOPT_${code}`, family });
  });

  it('names what it cannot read', async () => {
    const bytes = image('ext2');
    bytes.writeUInt32LE(0x2000_1003, S + 0x60);
    await expect(openOnly(bytes)).rejects.toThrow('uses compression, dirdata, FEATURE_I29');
  });

  it('does not trust a wrong checksum', async () => {
    const bytes = image('ext4');
    bytes[S + 0x78]! ^= 1; // the label
    expect(await failure(() => openOnly(bytes))).toEqual({
      code: 'IMGOPT_EXT_SUPERBLOCK_CHECKSUM',
      family: 'corrupt',
    });
  });

  it('is no ext without the magic, whatever the rest says', () => {
    const bytes = image('ext4');
    bytes.writeUInt16LE(0, S + 0x38);
    expect(
      extDriver.probe({ head: bytes.subarray(0, 131072), tail: bytes.subarray(-65536), size: bytes.length }),
    ).toBeUndefined();
    expect(
      extDriver.probe({ head: bytes.subarray(0, 1500), tail: bytes.subarray(0, 1500), size: 1500 }),
    ).toBeUndefined();
  });

  it.each<[number, number, number, number, string]>([
    [0, 0x2, 0x3, 0, 'ext2'],
    [4, 0x2, 0x3, 0, 'ext3'],
    [4, 0x6, 0x3, 0, 'ext3'],
    [0, 0x42, 0x3, 0, 'ext4'],
    [4, 0x2, 0x8, 0, 'ext4'],
    [4, 0x42, 0x3, 4, 'ext4dev'],
    [0, 0x8, 0, 0, 'jbd'],
  ])('names the type as blkid does: %#', (compat, incompat, roCompat, flags, type) => {
    const bytes = image('ext2');
    bytes.writeUInt32LE(compat, S + 0x5c);
    bytes.writeUInt32LE(incompat, S + 0x60);
    bytes.writeUInt32LE(roCompat, S + 0x64);
    bytes.writeUInt32LE(flags, S + 0x160);
    expect(extDriver.probe({ head: bytes, tail: bytes, size: bytes.length })!.type).toBe(type);
  });
});

/** The fixture without checksums: its only group's inode table, and where an inode stands in it. */
function inodeAt(bytes: Buffer, inode: number): number {
  const table = bytes.readUInt32LE(2048 + 8);
  return table * 1024 + (inode - 1) * 128;
}
const inodeOf = (path: string): number => expected.ext2!.entries[path]!.inode;
const firstBlock = (bytes: Buffer, inode: number): number =>
  bytes.readUInt32LE(inodeAt(bytes, inode) + 0x28) * 1024;

describe('states', () => {
  it.each<[string, (bytes: Buffer) => void]>([
    ['a journal that waits', (bytes) => bytes.writeUInt32LE(0x6, S + 0x60)],
    ['orphans in the orphan file', (bytes) => bytes.writeUInt32LE(0x10001, S + 0x64)],
    ['not unmounted', (bytes) => bytes.writeUInt16LE(0, S + 0x3a)],
    ['errors found', (bytes) => bytes.writeUInt16LE(3, S + 0x3a)],
  ])('%s: read as it stands, nothing is unused', async (_name, change) => {
    const bytes = image('ext2');
    change(bytes);
    const { filesystem, table, codes } = await open(bytes);
    expect(filesystem.state).toBe('needs-recovery');
    expect(codes).toEqual(['IMGOPT_EXT_NEEDS_RECOVERY']);
    expect(paths(table)).toEqual(Object.keys(expected.ext2!.entries).sort());
    expect(await failure(() => filesystem.unusedExtents())).toEqual({
      code: 'IMGOPT_EXT_NEEDS_RECOVERY',
      family: 'unsupported',
    });
  });

  it('reads what a truncated image still holds', async () => {
    const bytes = image('ext2').subarray(0, 600 * 1024);
    const { filesystem, codes, table } = await open(bytes);
    expect(codes).toContain('IMGOPT_EXT_TRUNCATED');
    expect(table.count).toBeGreaterThan(60);
    expect(filesystem.size).toBe(600 * 1024);
    expect(await failure(() => filesystem.unusedExtents())).toEqual({
      code: 'IMGOPT_EXT_TRUNCATED',
      family: 'corrupt',
    });
  });

  it('answers at once when a small source claims terabytes', async () => {
    const bytes = image('ext2');
    bytes.writeUInt32LE(0x7fffffff, S + 0x04);
    bytes.writeUInt32LE(262_144 * 128, S); // inodes: 128 in each of 262,144 groups
    const before = process.memoryUsage().rss;
    const start = performance.now();
    const { table, codes } = await open(bytes);
    expect(performance.now() - start).toBeLessThan(10_000);
    expect(process.memoryUsage().rss - before).toBeLessThan(512 * 1024 * 1024);
    expect(codes).toContain('IMGOPT_EXT_TRUNCATED');
    expect(table.count).toBeGreaterThan(60);
  });

  it('survives a cut at any block', async () => {
    const whole = image('ext2');
    for (let blocks = 3; blocks < 420; blocks += 23) {
      const bytes = whole.subarray(0, blocks * 1024);
      try {
        expect((await open(bytes)).codes).toContain('IMGOPT_EXT_TRUNCATED');
      } catch (error) {
        expect(error).toBeInstanceOf(ImgoptError);
        expect((error as ImgoptError).family).toBe('corrupt');
      }
    }
  });

  it('gives up where e2fsck would not find a backup superblock either', async () => {
    const bytes = image('groups');
    // 512 blocks per group: not where e2fsck looks, so there is no way on.
    bytes.writeUInt32LE(9, S + 0x18);
    expect(await failure(() => openOnly(bytes))).toEqual({
      code: 'IMGOPT_EXT_BLOCK_SIZE',
      family: 'corrupt',
    });
  });

  it('shows encrypted directories raw, and no content', async () => {
    const bytes = image('ext2');
    for (const path of ['/many', '/many/entry-00-']) {
      const at = inodeAt(bytes, inodeOf(path)) + 0x20;
      bytes.writeUInt32LE(bytes.readUInt32LE(at) | 0x800, at);
    }
    const link = inodeAt(bytes, inodeOf('/link')) + 0x20;
    bytes.writeUInt32LE(0x800, link);
    const { filesystem, table, log } = await open(bytes);
    expect(log.list()).toMatchObject([{ code: 'IMGOPT_EXT_ENCRYPTED', severity: 'info' }]);
    const many = table.child(0, 'many');
    expect(
      [...table.children(many)].every((entry) => (table.flags[entry]! & FILE_FLAG.encrypted) !== 0),
    ).toBe(true);
    expect(await failure(() => filesystem.open(inodeOf('/many/entry-00-')))).toEqual({
      code: 'IMGOPT_EXT_ENCRYPTED',
      family: 'unsupported',
    });
    expect(await failure(() => filesystem.readLink(inodeOf('/link')))).toEqual({
      code: 'IMGOPT_EXT_ENCRYPTED',
      family: 'unsupported',
    });
  });

  it('reads times beyond 2038 and before 1970', async () => {
    for (const [seconds, extra, time] of [
      [0x8000_0000, 1, 2 ** 31],
      [0x7fff_ffff, 3, 15_032_385_535],
      [0xffff_ffff, 0, -1],
    ] as const) {
      const bytes = image('groups');
      const at = bytes.readUInt32LE(2048 + 8) * 1024 + 256;
      bytes.writeUInt32LE(seconds, at + 0x10);
      bytes.writeUInt32LE(extra, at + 0x88);
      const { table } = await open(bytes);
      expect(table.modified[0]).toBe(time);
    }
  });

  it('counts huge files in blocks', async () => {
    const bytes = image('groups');
    const at = bytes.readUInt32LE(2048 + 8) * 1024 + (expected.groups!.entries['/big']!.inode - 1) * 256;
    bytes.writeUInt32LE(bytes.readUInt32LE(at + 0x20) | 0x40000, at + 0x20);
    const { sectors } = expected.groups!.entries['/big']!;
    const { table, log } = await open(bytes);
    expect(log.list()).toEqual([]);
    expect(table.allocated[table.child(0, 'big')]).toBe(sectors * 1024);
    // The high 16 bits count as well: 2^32 blocks are more than there are.
    bytes.writeUInt16LE(1, at + 0x74);
    expect((await open(bytes)).log.list()).toMatchObject([
      {
        code: 'IMGOPT_EXT_INODE_BLOCKS',
        message: expect.stringContaining(String((sectors + 2 ** 32) * 1024)),
      },
    ]);
  });
});

describe('damage in the tree', () => {
  it.each<[string, (bytes: Buffer) => void, string]>([
    ['rec_len 0', (b) => b.writeUInt16LE(0, firstBlock(b, inodeOf('/small')) + 24 + 4), 'EXT_DIRENT_LENGTH'],
    [
      'rec_len past the block',
      (b) => b.writeUInt16LE(2000, firstBlock(b, inodeOf('/small')) + 24 + 4),
      'EXT_DIRENT_LENGTH',
    ],
    [
      'odd rec_len',
      (b) => b.writeUInt16LE(13, firstBlock(b, inodeOf('/small')) + 24 + 4),
      'EXT_DIRENT_LENGTH',
    ],
    [
      'name past its entry',
      (b) => b.writeUInt8(255, firstBlock(b, inodeOf('/small')) + 12 + 6),
      'EXT_DIRENT_NAME',
    ],
    ['slash in a name', (b) => b.write('/', firstBlock(b, inodeOf('/small')) + 24 + 8), 'EXT_DIRENT_NAME'],
    [
      'inode out of range',
      (b) => b.writeUInt32LE(0xffffffff, firstBlock(b, inodeOf('/small')) + 24),
      'EXT_DIRENT_INODE',
    ],
    [
      'inode not in use',
      (b) => b.writeUInt32LE(127, firstBlock(b, inodeOf('/small')) + 24),
      'EXT_DIRENT_DELETED',
    ],
    [
      'wrong type in an entry',
      (b) => b.writeUInt8(3, firstBlock(b, inodeOf('/small')) + 24 + 7),
      'EXT_DIRENT_TYPE',
    ],
    ["wrong '..'", (b) => b.writeUInt32LE(11, firstBlock(b, inodeOf('/small')) + 12), 'EXT_DIRECTORY_DOTS'],
    [
      'a second entry of a directory',
      (b) => b.writeUInt32LE(inodeOf('/many'), firstBlock(b, inodeOf('/small')) + 24),
      'EXT_DIRECTORY_TWO_PARENTS',
    ],
    [
      'the root below itself',
      (b) => b.writeUInt32LE(2, firstBlock(b, inodeOf('/small')) + 24),
      'EXT_DIRECTORY_TWO_PARENTS',
    ],
    [
      'a directory block outside',
      (b) => b.writeUInt32LE(0x7fffffff, inodeAt(b, inodeOf('/small')) + 0x28),
      'EXT_BLOCK_OUT_OF_RANGE',
    ],
    [
      'a directory hole',
      (b) => b.writeUInt32LE(0, inodeAt(b, inodeOf('/small')) + 0x28),
      'EXT_DIRECTORY_HOLE',
    ],
    [
      'an absurd directory size',
      (b) => b.writeUInt32LE(0xffffffff, inodeAt(b, inodeOf('/small')) + 4),
      'EXT_DIRECTORY_HOLE',
    ],
    [
      'two directories in one block',
      (b) =>
        b.writeUInt32LE(firstBlock(b, inodeOf('/many/below')) / 1024, inodeAt(b, inodeOf('/small')) + 0x28),
      'EXT_DIRECTORY_SHARED',
    ],
    [
      'an indirect block that is its own',
      (b) => {
        const at = inodeAt(b, inodeOf('/small'));
        const block = b.readUInt32LE(at + 0x28);
        for (let i = 0; i < 256; i++) b.writeUInt32LE(block, block * 1024 + 4 * i);
        b.writeUInt32LE(block, at + 0x28 + 4 * 14); // triple indirect
      },
      'EXT_INDEX_CYCLE',
    ],
    [
      'an indirect block outside',
      (b) => b.writeUInt32LE(5000, inodeAt(b, inodeOf('/small')) + 0x28 + 48),
      'EXT_BLOCK_OUT_OF_RANGE',
    ],
    ['a group outside', (b) => b.writeUInt32LE(5000, 2048), 'EXT_GROUP_OUT_OF_RANGE'],
    ['a group with too much free', (b) => b.writeUInt16LE(0xffff, 2048 + 12), 'EXT_GROUP_COUNTS'],
  ])('%s', async (_name, change, code) => {
    const bytes = image('ext2');
    change(bytes);
    const { table, codes } = await open(bytes);
    expect(codes).toContain(`IMGOPT_${code}`);
    // Everything that was not touched is still there.
    const seen = new Set(paths(table));
    for (const path of Object.keys(expected.ext2!.entries)) {
      if (!/^\/(small\/|many\/below\/)/.test(path)) expect(seen).toContain(path);
    }
  });

  it('cuts a circle of directories off', async () => {
    const bytes = image('ext2');
    // /many/below becomes its own parent: its entry in /many goes, one in itself appears.
    const below = inodeOf('/many/below');
    const block = firstBlock(bytes, below);
    bytes.writeUInt32LE(below, block + 24);
    for (let b = 0; b < 12; b++) {
      const start = bytes.readUInt32LE(inodeAt(bytes, inodeOf('/many')) + 0x28 + 4 * b) * 1024;
      for (let at = start; start > 0 && at < start + 1024; at += 4) {
        if (bytes.readUInt32LE(at) === below && bytes.toString('latin1', at + 8, at + 13) === 'below')
          bytes.writeUInt32LE(0, at);
      }
    }
    const { table, codes } = await open(bytes);
    expect(codes).toContain('IMGOPT_EXT_DIRECTORY_UNREACHABLE');
    expect(table.detachedCount).toBe(1);
  });

  it('has nothing to say without a root', async () => {
    const bytes = image('ext2');
    bytes.writeUInt16LE(0x81a4, inodeAt(bytes, 2));
    expect(await failure(() => open(bytes))).toEqual({ code: 'IMGOPT_EXT_ROOT', family: 'corrupt' });
  });

  it('verifies every kind of checksum', async () => {
    const plain = image('ext4');
    const { table } = await open(plain);
    const entry = expected.ext4!.entries;
    const group = 2048;
    const inodeTable = plain.readUInt32LE(group + 8) * 1024;
    const at = (path: string): number => inodeTable + (entry[path]!.inode - 1) * 256;
    const cases: [number, string][] = [
      [group + 12, 'EXT_GROUP_CHECKSUM'],
      [at('/big') + 0x10, 'EXT_INODE_CHECKSUM'],
      [plain.readUInt32LE(at('/small') + 0x28 + 20) * 1024 + 500, 'EXT_DIRECTORY_CHECKSUM'],
    ];
    for (const [offset, code] of cases) {
      const bytes = Buffer.from(plain);
      bytes[offset]! ^= 0x40;
      const damaged = await open(bytes);
      expect(damaged.codes).toEqual([`IMGOPT_${code}`]);
      expect(damaged.table.count).toBe(table.count);
    }
    // The map of /holes stands in an extent block: depth 1.
    expect(plain.readUInt16LE(at('/holes') + 0x28 + 6)).toBe(1);
    const leaf = plain.readUInt32LE(at('/holes') + 0x28 + 16) * 1024;
    plain[leaf + 20]! ^= 1;
    const { filesystem } = await open(plain);
    expect(await failure(() => filesystem.open(entry['/holes']!.inode))).toEqual({
      code: 'IMGOPT_EXT_EXTENT_CHECKSUM',
      family: 'corrupt',
    });
  });

  // In the fixture with extents and without checksums.
  it.each<[string, number, number, string]>([
    ['magic', 0, 0x1234, 'EXT_EXTENT_MAGIC'],
    ['entries above capacity', 2, 5, 'EXT_EXTENT_HEADER'],
    ['capacity above the inode', 4, 5, 'EXT_EXTENT_HEADER'],
    ['depth of 6', 6, 6, 'EXT_EXTENT_DEPTH'],
    ['depth that its child has not', 6, 2, 'EXT_EXTENT_HEADER'],
    ['a child outside', 12 + 8, 0xffff, 'EXT_BLOCK_OUT_OF_RANGE'],
  ])('extent tree: %s', async (_name, offset, value, code) => {
    const bytes = image('groups');
    const { inode } = expected.groups!.entries['/holes']!;
    const at = bytes.readUInt32LE(2048 + 8) * 1024 + (inode - 1) * 256 + 0x28;
    bytes.writeUInt16LE(value, at + offset);
    const { filesystem } = await open(bytes);
    expect(await failure(() => filesystem.open(inode))).toEqual({
      code: `IMGOPT_${code}`,
      family: 'corrupt',
    });
  });

  it.each<[string, number, number, string]>([
    ['out of order', 12 + 12, 0, 'EXT_EXTENT_ORDER'],
    ['no length', 12 + 4, 0, 'EXT_EXTENT_LENGTH'],
    ['outside', 12 + 6, 1, 'EXT_EXTENT_OUT_OF_RANGE'],
    ['its root once more', 6, 1, 'EXT_EXTENT_HEADER'],
  ])('extent leaf: %s', async (_name, offset, value, code) => {
    const bytes = image('groups');
    const { inode } = expected.groups!.entries['/holes']!;
    const root = bytes.readUInt32LE(2048 + 8) * 1024 + (inode - 1) * 256 + 0x28;
    bytes.writeUInt16LE(value, bytes.readUInt32LE(root + 16) * 1024 + offset);
    const { filesystem } = await open(bytes);
    expect(await failure(() => filesystem.open(inode))).toEqual({
      code: `IMGOPT_${code}`,
      family: 'corrupt',
    });
  });
});

describe('unused extents are proved, or refused', () => {
  it.each<[string, string, (bytes: Buffer) => void, string, ErrorFamily]>([
    [
      'a bitmap that frees one more block',
      'ext2',
      (b) => {
        const at = b.readUInt32LE(2048) * 1024 + 40;
        b[at] = b[at]! & ~1;
      },
      'EXT_BITMAP_COUNT',
      'corrupt',
    ],
    [
      'a bitmap that frees the inode table',
      'ext2',
      (b) => {
        const bitmap = b.readUInt32LE(2048) * 1024;
        const table = b.readUInt32LE(2048 + 8) - 1;
        b[bitmap + (table >> 3)]! &= ~(1 << (table & 7));
        b.writeUInt16LE(b.readUInt16LE(2048 + 12) + 1, 2048 + 12);
      },
      'EXT_BITMAP_FREES_LAYOUT',
      'corrupt',
    ],
    [
      'a bitmap with a wrong checksum',
      'ext4',
      (b) => {
        b[b.readUInt32LE(2048) * 1024 + 40]! ^= 1;
      },
      'EXT_BITMAP_CHECKSUM',
      'corrupt',
    ],
    [
      'a damaged descriptor',
      'groups',
      (b) => {
        b[2048 + 32 + 16]! ^= 1;
      },
      'EXT_GROUP_DAMAGED',
      'corrupt',
    ],
    ['an unknown feature', 'ext2', (b) => b.writeUInt32LE(0x81, S + 0x64), 'EXT_FEATURE', 'unsupported'],
  ])('%s', async (_name, fixture, change, code, family) => {
    const bytes = image(fixture);
    change(bytes);
    const { filesystem } = await openOnly(bytes);
    expect(await failure(() => filesystem.unusedExtents())).toEqual({ code: `IMGOPT_${code}`, family });
  });
});
