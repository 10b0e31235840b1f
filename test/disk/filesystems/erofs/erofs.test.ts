/** The fixtures as fsck.erofs and dump.erofs say them, and structures that lie, each with the code that it must give. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { DiagnosticLog, RunContext } from '../../../../src/core/context.ts';
import { FILE_FLAG } from '../../../../src/core/file-table.ts';
import { decodeCluster } from '../../../../src/disk/filesystems/erofs/codec.ts';
import { FORM } from '../../../../src/disk/filesystems/erofs/content-map.ts';
import { erofsDriver } from '../../../../src/disk/filesystems/erofs/erofs.ts';
import { decodeMicroLzma } from '../../../../src/disk/filesystems/erofs/micro-lzma.ts';
import { readSuperblock } from '../../../../src/disk/filesystems/erofs/superblock.ts';
import { Volume } from '../../../../src/disk/filesystems/erofs/volume.ts';
import { memorySource } from '../../../../src/sources/memory.ts';
import { fixtureBytes } from '../../../support/fixtures.ts';
import { openFilesystem } from '../../../support/read-only.ts';
import { contentOf, latin1Path } from '../../../support/xfs.ts';

interface Expected {
  readonly type: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly time: number;
  readonly size?: number;
  readonly links?: number;
  readonly target?: string;
  readonly sha256?: string;
}
interface Fixture {
  readonly entries: Readonly<Record<string, Expected>>;
  /** From, to, place, stored. */
  readonly extents: Readonly<Record<string, readonly (readonly [number, number, number, number])[]>>;
  readonly features: readonly string[];
}
const EXPECTED: Readonly<Record<string, Fixture>> = JSON.parse(
  fixtureBytes('erofs/expected.json').toString(),
);
const LETTERS = '?-dlcbps';

describe.each(Object.keys(EXPECTED))('erofs fixture %s', (name) => {
  const { entries, extents, features } = EXPECTED[name]!;
  const source = memorySource(fixtureBytes(`erofs/${name}.img`));

  it('is what fsck.erofs extracts', async () => {
    const { filesystem, table, log } = await openFilesystem(erofsDriver, source);
    expect(log.list()).toEqual([]);
    expect(filesystem.features).toEqual(features);
    expect(filesystem.label).toBe(name);
    expect(filesystem.uuid).toBe('01234567-89ab-cdef-0123-456789abcdef');
    const ours: Record<string, Expected> = {};
    for (let entry = 0; entry < table.count; entry++) {
      const path = latin1Path(table, entry);
      const inode = table.inode[entry]!;
      const type = LETTERS[table.type[entry]!]!;
      const target = type === 'l' ? Buffer.from(await filesystem.readLink(inode)).toString() : undefined;
      const content = type === '-' ? await contentOf(filesystem, inode) : undefined;
      ours[path] = {
        type,
        mode: table.mode[entry]!,
        uid: table.uid[entry]!,
        gid: table.gid[entry]!,
        time: table.modified[entry]!,
        ...(content === undefined
          ? {}
          : {
              size: table.size[entry]!,
              links: table.links[entry]!,
              sha256: createHash('sha256').update(content).digest('hex'),
            }),
        ...(target === undefined ? {} : { target }),
      };
    }
    expect(ours).toEqual(entries);
    const short = table.child(table.child(0, 'etc'), 'short');
    const other = table.child(table.child(0, 'usr'), 'other-name');
    expect(table.inode[short]).toBe(table.inode[other]);
    const later = [short, other].filter((one) => (table.flags[one]! & FILE_FLAG.secondaryLink) !== 0);
    expect(later).toHaveLength(1);
  });

  it('has its content where dump.erofs says', async () => {
    const { table } = await openFilesystem(erofsDriver, source);
    const context = new RunContext({ log: new DiagnosticLog() });
    const volume = new Volume(source, context, await readSuperblock(source));
    for (const [path, theirs] of Object.entries(extents)) {
      const entry = path
        .slice(1)
        .split('/')
        .reduce((at, part) => table.child(at, part), 0);
      const map = await volume.map(await volume.inode(table.inode[entry]!));
      if (!map.isCompressed) {
        // Chunk for chunk; ours are joined. They count a last block's bytes.
        for (const [from, , place] of theirs) {
          const index = map.indexAt(from);
          const isHole = map.form[index] === FORM.hole;
          expect([path, from, isHole ? 0 : map.place[index]! + from - map.from[index]!]).toEqual([
            path,
            from,
            place,
          ]);
        }
        continue;
      }
      const ours = Array.from({ length: map.count }, (_, i) => {
        const isFragment = map.form[i] === FORM.fragment;
        return [map.from[i]!, map.endOf(i), isFragment ? 0 : map.place[i]!, map.stored[i]!];
      });
      expect([path, ours]).toEqual([path, theirs]);
    }
  });
});

/* ---------- structures that lie ---------- */

/** Without its checksum, which would refuse what touches the superblock. */
function unsealed(name: string): Buffer {
  const bytes = fixtureBytes(`erofs/${name}.img`);
  bytes.writeUInt32LE(bytes.readUInt32LE(1024 + 8) & ~1, 1024 + 8);
  return bytes;
}
const WHOLE = unsealed('fragments');
const ROOT = 32 * WHOLE.readUInt16LE(1024 + 14);

type Damage = (bytes: Buffer) => void;
const u16 =
  (at: number, value: number): Damage =>
  (bytes) =>
    bytes.writeUInt16LE(value, at);
const u32 =
  (at: number, value: number): Damage =>
  (bytes) =>
    bytes.writeUInt32LE(value, at);

/** Where the name stands, in the directory of names that it is in. */
const PIPE = WHOLE.indexOf('pipesocket');
/** The root's entries: its only block stands behind its inode. */
const ROOT_ENTRIES = ROOT + ((WHOLE.readUInt16LE(ROOT) & 1) === 1 ? 64 : 32);

const HOSTILE: readonly [name: string, damage: Damage, code: string][] = [
  [
    'a checksum that does not hold',
    (bytes) => {
      u32(1024 + 8, 3)(bytes);
      bytes.write('other', 1024 + 64, 'latin1');
    },
    'SUPERBLOCK_CHECKSUM',
  ],
  ['blocks of 256 bytes', (bytes) => bytes.writeUInt8(8, 1024 + 12), 'BLOCK_SIZE'],
  ['blocks of 2^200 bytes', (bytes) => bytes.writeUInt8(200, 1024 + 12), 'BLOCK_SIZE'],
  ['directory blocks of another size', (bytes) => bytes.writeUInt8(1, 1024 + 90), 'DIRECTORY_BLOCKS'],
  ['a feature from the future', u32(1024 + 80, 0x1000), 'FEATURE'],
  ['compressed metadata', u32(1024 + 80, 0x100), 'FEATURE'],
  ['a compressor from the future', u16(1024 + 84, 0x20), 'COMPRESSOR'],
  ['no blocks', u32(1024 + 36, 0), 'SIZE'],
  ['more blocks than there are', u32(1024 + 36, 0x7fffffff), 'TRUNCATED'],
  ['inodes outside', u32(1024 + 40, 0x7fffffff), 'INODE'],
  ['a root that is no directory', u16(ROOT + 4, 0o100644), 'ROOT'],
  ['a root of no type', u16(ROOT + 4, 0), 'INODE_MODE'],
  ['a root of an unknown layout', u16(ROOT, 0xf), 'INODE_FORMAT'],
  ['a root of an unknown format', u16(ROOT, 0x100), 'INODE_FORMAT'],
  ['a directory of 4 GiB', u32(ROOT + 8, 0xffffffff), 'TAIL'],
  ['names that begin inside an entry', u16(ROOT_ENTRIES + 8, 13), 'DIRECTORY'],
  ['names that begin past the block', u16(ROOT_ENTRIES + 8, 0xfff0), 'DIRECTORY'],
  ['a name that ends before it begins', u16(ROOT_ENTRIES + 12 + 8, 1), 'DIRECTORY'],
  ["a name with '/'", (bytes) => bytes.write('p/pe', PIPE, 'latin1'), 'NAME'],
  ["a '..' that leads elsewhere", u32(ROOT_ENTRIES + 12, 9), 'DIRECTORY_DOTS'],
  ['an entry that leads outside', u32(ROOT_ENTRIES + 24 + 4, 77), 'INODE'],
  ['an entry of another type', (bytes) => bytes.writeUInt8(3, ROOT_ENTRIES + 24 + 10), 'DIRENT_TYPE'],
  ['no packed inode', u32(1024 + 96, 0), 'FRAGMENT'],
  ['a packed inode that is none', u32(1024 + 96, 0x7ffffff), 'INODE'],
];

async function codesOf(bytes: Uint8Array): Promise<string[]> {
  const log = new DiagnosticLog();
  const thrown: string[] = [];
  try {
    await openFilesystem(erofsDriver, memorySource(bytes), [], log);
  } catch (error) {
    thrown.push((error as { code: string }).code);
  }
  return [...log.list().map(({ code }) => code), ...thrown];
}

describe('erofs that lies', () => {
  it.each(HOSTILE)('%s', async (_name, damage, code) => {
    const bytes = Buffer.from(WHOLE);
    damage(bytes);
    expect(await codesOf(bytes)).toContain(`IMGOPT_EROFS_${code}`);
  });

  /** The inode of a file in /usr/share, and a copy of the image to damage. */
  async function shared(name: string, image: string): Promise<{ at: number; inode: number; bytes: Buffer }> {
    const bytes = unsealed(image);
    const { table } = await openFilesystem(erofsDriver, memorySource(bytes));
    const inode = table.inode[table.child(table.child(table.child(0, 'usr'), 'share'), name)]!;
    return { at: 32 * inode, inode, bytes };
  }
  /** Where the map's header stands: images of the fixtures have no extended attributes. */
  const headerOf = (bytes: Buffer, at: number): number => at + ((bytes.readUInt16LE(at) & 1) === 1 ? 64 : 32);

  it('a head past its cluster, a first cluster without head, and no count of blocks', async () => {
    const { at, bytes } = await shared('numbers', 'full-index');
    const index = headerOf(bytes, at) + 16;
    expect(bytes.readUInt16LE(at) & 0xe).toBe(2); // a full index
    const codes = async (damage: Damage): Promise<string[]> => {
      const copy = Buffer.from(bytes);
      damage(copy);
      return codesOf(copy);
    };
    expect(await codes(() => undefined)).toEqual([]);
    expect(await codes(u16(index + 2, 5000))).toContain('IMGOPT_EROFS_INDEX');
    expect(await codes(u16(index + 2, 5))).toContain('IMGOPT_EROFS_INDEX');
    expect(await codes(u16(index, 2))).toContain('IMGOPT_EROFS_INDEX');
    expect(await codes(u16(index - 16 + 4, 6))).toContain('IMGOPT_EROFS_INDEX'); // large clusters, says the header
    expect(await codes(u32(index + 4, 0x7fffffff))).toContain('IMGOPT_EROFS_EXTENT');
  });

  it('a map that reaches past the end, or has more bytes than the filesystem', async () => {
    const { at, bytes } = await shared('numbers', 'full-index');
    bytes.writeUInt32LE(0xfffffff0, at + 8);
    expect(await codesOf(bytes)).toContain('IMGOPT_EROFS_INDEX');
  });

  it('extents of a list that are out of order', async () => {
    const { at, bytes } = await shared('numbers', 'zstd');
    const header = headerOf(bytes, at);
    const advise = bytes.readUInt16LE(header + 4);
    // The whole file is a fragment: a list of two records at the same header takes its place.
    expect(bytes.readUInt8(header + 7) & 0x80).toBe(0x80);
    expect(advise).toBeGreaterThanOrEqual(0);
    bytes.writeUInt16LE((bytes.readUInt16LE(at) & ~0xe) | 2, at);
    bytes.writeUInt32LE(2, header);
    bytes.writeUInt32LE(1 | (2 << 1), header + 4);
    const list = Math.ceil((header + 8) / 16) * 16;
    bytes.writeUInt32LE(9000, list + 12);
    bytes.writeUInt32LE(100, list + 16 + 12);
    expect(await codesOf(bytes)).toContain('IMGOPT_EROFS_INDEX');
  });

  it('a cluster that is damaged costs the file that it is in', async () => {
    const { inode, bytes } = await shared('numbers', 'large-blocks');
    const context = new RunContext({ log: new DiagnosticLog() });
    const source = memorySource(bytes);
    const volume = new Volume(source, context, await readSuperblock(source));
    const map = await volume.map(await volume.inode(inode));
    bytes.fill(0xff, map.place[0]!, map.place[0]! + map.stored[0]!);
    const { filesystem } = await openFilesystem(erofsDriver, source);
    await expect(contentOf(filesystem, inode)).rejects.toMatchObject({ code: 'IMGOPT_EROFS_CLUSTER' });
    await expect(filesystem.readLink(inode)).rejects.toMatchObject({ code: 'IMGOPT_NOT_A_LINK' });
  });

  it('ends when structures lie over each other', async () => {
    // Every directory gets the root's block, and each of its names leads to it again.
    const bytes = unsealed('chunks');
    const { table } = await openFilesystem(erofsDriver, memorySource(bytes));
    const numbers = table.child(table.child(table.child(0, 'usr'), 'share'), 'numbers');
    for (let entry = 0; entry < table.count; entry++) {
      if (LETTERS[table.type[entry]!] !== '-') continue;
      // The same list, which claims to be as long as the rest of the image.
      const from = 32 * table.inode[numbers]!;
      const to = 32 * table.inode[entry]!;
      const length = (bytes.readUInt16LE(to) & 1) === 1 ? 64 : 32;
      if (length !== ((bytes.readUInt16LE(from) & 1) === 1 ? 64 : 32)) continue;
      bytes.copy(bytes, to, from, from + 2);
      bytes.writeUInt16LE(0x20, to + 16); // chunks of one block, with indexes
      bytes.writeUInt32LE(Math.floor((bytes.length - to - length - 8) / 8) * 512, to + 8);
    }
    expect(await codesOf(bytes)).toContain('IMGOPT_EROFS_OVERLAP');
  });

  it.each([100, 1100, 4096, 20_000])('cut to %i bytes', async (size) => {
    expect((await codesOf(WHOLE.subarray(0, size))).length).toBeGreaterThan(0);
  });
});

describe('clusters of erofs', () => {
  const LZ4 = 0;
  // 3 literals 'abc', a match of 4 + 2 at offset 3, then the literal 'd' alone.
  const packed = [0x32, 0x61, 0x62, 0x63, 3, 0, 0x10, 0x64];

  it('take zeros in front or behind', async () => {
    const text = async (bytes: number[], length: number, isPartial: boolean, isPadded: boolean) =>
      Buffer.from(await decodeCluster(LZ4, Uint8Array.from(bytes), length, isPartial, isPadded)).toString();
    expect(await text([0, 0, 0, ...packed], 10, false, true)).toBe('abcabcabcd');
    expect(await text([...packed, 0, 0, 0], 10, false, false)).toBe('abcabcabcd');
    expect(await text([0, ...packed], 5, true, true)).toBe('abcab');
  });

  it.each([
    [[], 'not possible'],
    [[0xa2, 1, 2, 3], 'cut short'],
    [[~225 & 0xff, 0, 0, 0, 0], 'not possible'], // pb 5
    [[~(9 * 4 + 8) & 0xff, 0, 0, 0, 0], 'not possible'], // lc 8, lp 4
    [[~93 & 0xff, ...new Array<number>(30).fill(0xff)], 'before the beginning'],
    [[~93 & 0xff, 0, 0, 0, 0], 'cut short'],
  ])('are refused when LZMA lies: %j', (bytes, message) => {
    expect(() => decodeMicroLzma(Uint8Array.from(bytes), 100, false)).toThrow(message);
  });

  it('hold what their extent has', async () => {
    const decode = (bytes: number[], length: number) =>
      decodeCluster(LZ4, Uint8Array.from(bytes), length, false, true);
    await expect(decode(packed, 9)).rejects.toMatchObject({ code: 'IMGOPT_EROFS_CLUSTER' });
    await expect(decode(packed, 11)).rejects.toMatchObject({ code: 'IMGOPT_EROFS_CLUSTER' });
    await expect(decode([0, 0, 0], 11)).rejects.toMatchObject({ code: 'IMGOPT_EROFS_CLUSTER' });
  });
});
