/** The fixtures as unsquashfs lists them, and structures that lie, each with the code that it must give. */
import { createHash } from 'node:crypto';
import { deflateSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { DiagnosticLog, RunContext } from '../../../../src/core/context.ts';
import { FILE_FLAG, FILE_TYPE } from '../../../../src/core/file-table.ts';
import { decoderFor } from '../../../../src/disk/filesystems/squashfs/codec.ts';
import { squashfsDriver } from '../../../../src/disk/filesystems/squashfs/squashfs.ts';
import { memorySource } from '../../../../src/sources/memory.ts';
import { fixtureBytes } from '../../../support/fixtures.ts';
import { openFilesystem } from '../../../support/read-only.ts';
import { contentOf, latin1Path } from '../../../support/xfs.ts';

interface Expected {
  readonly type: string;
  readonly mode: string;
  readonly uid: number;
  readonly gid: number;
  readonly time: string;
  readonly size?: number;
  readonly target?: string;
  readonly sha256?: string;
}
type Listing = Readonly<Record<string, Expected>>;
const EXPECTED: Readonly<Record<string, Listing>> = JSON.parse(
  fixtureBytes('squashfs/expected.json').toString(),
);
const LETTERS = '?-dlcbps';

/** `rwxr-xr-x` without set bits, which the fixtures do not have. */
function permissions(mode: number): string {
  return Array.from('rwxrwxrwx', (letter, i) => ((mode >> (8 - i)) & 1 ? letter : '-')).join('');
}

describe.each(Object.keys(EXPECTED))('squashfs fixture %s', (name) => {
  it('is what unsquashfs says', async () => {
    const opened = await openFilesystem(squashfsDriver, memorySource(fixtureBytes(`squashfs/${name}.img`)));
    const { filesystem, table, log } = opened;
    expect(log.list()).toEqual([]);
    const ours: Record<string, Expected> = {};
    for (let entry = 0; entry < table.count; entry++) {
      const inode = table.inode[entry]!;
      const type = LETTERS[table.type[entry]!]!;
      const target = type === 'l' ? Buffer.from(await filesystem.readLink(inode)).toString() : undefined;
      const bytes = type === '-' ? await contentOf(filesystem, inode) : undefined;
      ours[latin1Path(table, entry)] = {
        type,
        mode: permissions(table.mode[entry]!),
        uid: table.uid[entry]!,
        gid: table.gid[entry]!,
        time: new Date(table.modified[entry]! * 1000).toISOString().slice(0, 16).replace('T', ' '),
        ...(bytes === undefined
          ? {}
          : { size: table.size[entry]!, sha256: createHash('sha256').update(bytes).digest('hex') }),
        ...(target === undefined ? {} : { target }),
      };
    }
    expect(ours).toEqual(EXPECTED[name]);
    const short = table.child(table.child(0, 'etc'), 'short');
    const other = table.child(table.child(0, 'usr'), 'other-name');
    expect([table.links[short], table.links[other]]).toEqual([2, 2]);
    expect(table.inode[short]).toBe(table.inode[other]);
    const later = [short, other].filter((one) => (table.flags[one]! & FILE_FLAG.secondaryLink) !== 0);
    expect(later).toHaveLength(1);
  });
});

/* ---------- structures that lie ---------- */

const WHOLE = fixtureBytes('squashfs/plain.img');
const INODES = Number(WHOLE.readBigUInt64LE(64));
const DIRECTORIES = Number(WHOLE.readBigUInt64LE(72));
const ROOT_BLOCK = Number(WHOLE.readBigUInt64LE(32) >> 16n);
const ROOT_OFFSET = Number(WHOLE.readBigUInt64LE(32) & 0xffffn);
/** The only entry of /deep/er: 12 bytes of header and 8 of the entry stand before its name. */
const EST = WHOLE.indexOf('est', DIRECTORIES) - 20;
/** The inode of /usr/link: its target stands 24 bytes in. It is in the first block, two bytes behind its header. */
const LINK = BigInt(WHOLE.indexOf('../etc/short', INODES) - 24 - INODES - 2);
const ER = WHOLE.indexOf('er', DIRECTORIES);

type Damage = (bytes: Buffer) => void;
const u16 =
  (at: number, value: number): Damage =>
  (bytes) =>
    bytes.writeUInt16LE(value, at);
const u32 =
  (at: number, value: number): Damage =>
  (bytes) =>
    bytes.writeUInt32LE(value, at);
const u64 =
  (at: number, value: bigint): Damage =>
  (bytes) =>
    bytes.writeBigUInt64LE(value, at);
const both =
  (...all: Damage[]): Damage =>
  (bytes) => {
    for (const one of all) one(bytes);
  };

/** Codes without their prefix; what is refused gives one, what is read for the rest gives diagnostics. */
const HOSTILE: readonly [name: string, damage: Damage, code: string][] = [
  ['version 3', u16(28, 3), 'VERSION'],
  ['version 4.1', u16(30, 1), 'VERSION'],
  ['big-endian', (bytes) => bytes.write('sqsh', 'latin1'), 'VERSION'],
  ['lzma', u16(20, 2), 'COMPRESSOR'],
  ['a compressor from the future', u16(20, 77), 'COMPRESSOR'],
  ['a block size that is no power of two', u32(12, 16_385), 'BLOCK_SIZE'],
  ['blocks of 2 GiB', both(u32(12, 2 ** 31), u16(22, 31)), 'BLOCK_SIZE'],
  ['an inode table outside', u64(64, 1n << 40n), 'TABLES'],
  ['directories before inodes', u64(72, 100n), 'TABLES'],
  ['an id table outside', u64(48, 1n << 50n), 'TABLES'],
  ['no ids', u16(26, 0), 'TABLES'],
  ['an absurd count of fragments', u32(16, 0xffffffff), 'TABLES'],
  ['fragments without a table', u64(80, 0xffffffffffffffffn), 'TABLES'],
  ['no fragments where files have tails', both(u32(16, 0), u64(80, 0xffffffffffffffffn)), 'FRAGMENT'],
  ['a metadata block of 9000 bytes', u16(INODES, 0x8000 | 9000), 'METADATA_SIZE'],
  ['an empty metadata block', u16(INODES, 0x8000), 'METADATA_SIZE'],
  ['metadata past the end of its table', u16(DIRECTORIES, 0x8000 | 8192), 'METADATA_SIZE'],
  ['metadata that says it is compressed', u16(INODES, 8192), 'BLOCK'],
  ['a root between blocks', u64(32, 7n << 16n), 'REFERENCE'],
  ['a root past its block', u64(32, (BigInt(ROOT_BLOCK) << 16n) | 0xfff0n), 'REFERENCE'],
  ['a root that is a link', u64(32, LINK), 'ROOT'],
  ['a directory in itself', both(u32(EST + 4, ROOT_BLOCK), u16(EST + 12, ROOT_OFFSET)), 'DIRECTORY_TWICE'],
  ['absurdly many entries', u32(EST, 5000), 'DIRECTORY'],
  ['more entries than its listing has', u32(EST, 40), 'DIRECTORY'],
  ['a name that is longer than its listing', u16(EST + 18, 200), 'DIRECTORY'],
  ["a directory called '..'", (bytes) => bytes.write('..', ER, 'latin1'), 'NAME'],
  ["a name with '/'", (bytes) => bytes.write('e/', ER, 'latin1'), 'NAME'],
  ['an entry that leads nowhere', u32(EST + 4, 1), 'REFERENCE'],
  ['another type than its inode', u16(EST + 16, 2), 'DIRENT_TYPE'],
  ['a superblock that counts more than there is', u64(40, 1n << 41n), 'TRUNCATED'],
];

async function codesOf(bytes: Uint8Array): Promise<string[]> {
  const log = new DiagnosticLog();
  const thrown: string[] = [];
  try {
    await openFilesystem(squashfsDriver, memorySource(bytes), [], log);
  } catch (error) {
    thrown.push((error as { code: string }).code);
  }
  return [...log.list().map(({ code }) => code), ...thrown];
}

describe('squashfs that lies', () => {
  it.each(HOSTILE)('%s', async (_name, damage, code) => {
    const bytes = Buffer.from(WHOLE);
    damage(bytes);
    expect(await codesOf(bytes)).toContain(`IMGOPT_SQUASHFS_${code}`);
  });

  it('reads the rest when one directory is damaged', async () => {
    const bytes = Buffer.from(WHOLE);
    u32(EST, 5000)(bytes);
    const { table } = await openFilesystem(squashfsDriver, memorySource(bytes));
    expect(table.count).toBe(Object.keys(EXPECTED.plain!).length - 1);
  });

  it('ends when listings lie over each other', async () => {
    // /deep/er/est gets the listing of /usr/share/doc, which fills most of the table, and /empty gets it too.
    const bytes = Buffer.from(WHOLE);
    const { table } = await openFilesystem(squashfsDriver, memorySource(WHOLE));
    const inodeAt = (...path: string[]): number => {
      const reference = table.inode[path.reduce((at, name) => table.child(at, name), 0)]!;
      // Blocks of this fixture are stored as they are: two bytes of header, then the inode.
      return INODES + Math.floor(reference / 65536) + 2 + (reference % 65536);
    };
    const doc = inodeAt('usr', 'share', 'doc');
    expect(bytes.readUInt16LE(doc)).toBe(8); // the extended form
    for (const other of [inodeAt('deep', 'er', 'est'), inodeAt('empty')]) {
      expect(bytes.readUInt16LE(other)).toBe(1);
      bytes.copy(bytes, other + 16, doc + 24, doc + 28); // start_block
      bytes.copy(bytes, other + 24, doc + 20, doc + 22); // file_size
      bytes.copy(bytes, other + 26, doc + 34, doc + 36); // offset
    }
    expect(await codesOf(bytes)).toContain('IMGOPT_SQUASHFS_OVERLAP');
  });

  it.each([100, 5000, INODES + 100, DIRECTORIES + 10])('cut to %i bytes', async (size) => {
    const codes = await codesOf(WHOLE.subarray(0, size));
    expect(codes.length).toBeGreaterThan(0);
  });

  it('refuses content that lies outside', async () => {
    const bytes = Buffer.from(WHOLE);
    const { table } = await openFilesystem(squashfsDriver, memorySource(WHOLE));
    const numbers = ['usr', 'share', 'numbers'].reduce((at, name) => table.child(at, name), 0);
    const reference = table.inode[numbers]!;
    const inode = INODES + Math.floor(reference / 65536) + 2 + (reference % 65536);
    bytes.writeUInt32LE(0xfffffff0, inode + 16);
    const { filesystem } = await openFilesystem(squashfsDriver, memorySource(bytes));
    await expect(contentOf(filesystem, reference)).rejects.toMatchObject({ code: 'IMGOPT_SQUASHFS_BLOCK' });
    await expect(filesystem.readLink(reference)).rejects.toMatchObject({ code: 'IMGOPT_NOT_A_LINK' });
    expect(table.type[numbers]).toBe(FILE_TYPE.file);
  });
});

describe('blocks of squashfs', () => {
  const context = new RunContext({ log: new DiagnosticLog() });
  const bomb = Buffer.alloc(1024 * 1024);

  it.each([
    ['gzip', 1, deflateSync(bomb)],
    ['zstd', 6, zstdCompressSync(bomb)],
    // A literal, and a match of 255 × 4000 and more.
    ['lz4', 5, Buffer.from([0x1f, 0, 1, 0, ...new Array<number>(4000).fill(255), 0, 0x00])],
  ])('a %s bomb stops at the size of its block', async (_name, number, packed) => {
    const decode = decoderFor(number, context, []);
    await expect(decode(packed, 8192)).rejects.toMatchObject({
      code: 'IMGOPT_SQUASHFS_BLOCK',
      message: expect.stringContaining('more than its block'),
    });
  });
});
