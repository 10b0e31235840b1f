/** Thin pools that LVM and the kernel made: volumes as the kernel read them, and metadata whose every promise may be a lie. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { DiagnosticLog, RunContext } from '../../../../src/core/context.ts';
import { crc32cUpdate } from '../../../../src/core/crc32c.ts';
import { ExtentSet } from '../../../../src/core/extents.ts';
import { FILE_TYPE } from '../../../../src/core/file-table.ts';
import { viewOf } from '../../../../src/core/record.ts';
import { lvm2Volumes } from '../../../../src/disk/volumes/lvm2/lvm2.ts';
import { inspect } from '../../../../src/inspect/inspect.ts';
import { createRegistry } from '../../../../src/registry.ts';
import { fixtureBytes, fixturePath } from '../../../support/fixtures.ts';
import { assemble, hashOfSource, partitionsOf } from '../../../support/groups.ts';
import { contentOf } from '../../../support/volumes.ts';
import { latin1Path } from '../../../support/xfs.ts';
import { EXPECTED, sectorsOf } from './expected.ts';
import { groupText, linear, made, volumeText } from './made.ts';

const DISK = fixtureBytes('lvm2/thin.img');
const MiB = 1024 * 1024;
const PV_START = 2048 * 512;
/** Where the pool's metadata begins, by dmsetup's table: it is linear. */
const META = PV_START + sectorsOf(EXPECTED.thin.table, 'thin--vg-pool_tmeta')[0]![1] * 512;
const BLOCK = 4096;

async function open(disk: Uint8Array) {
  return assemble(lvm2Volumes, await partitionsOf(disk));
}

describe('a thin pool', () => {
  it('has the volumes that lvs lists, read as the kernel did', async () => {
    const { groups, said, volume } = await open(DISK);
    expect(said).toEqual([]);
    const listed = EXPECTED.thin.segments.filter(
      ({ lv_name, segtype }) => !lv_name.startsWith('[') && segtype !== 'thin-pool',
    );
    expect(
      groups[0]!.volumes
        .map(({ name, type, size, uuid }) => [name, type, String(size), uuid])
        .sort(([a], [b]) => (a! < b! ? -1 : 1)),
    ).toEqual(listed.map(({ lv_name, segtype, lv_size, lv_uuid }) => [lv_name, segtype, lv_size, lv_uuid]));
    const hashes: Record<string, string> = {};
    for (const path of Object.keys(EXPECTED.thin.devices)) {
      const found = volume(path.split('/').at(-1)!);
      expect(found.devices).toContain(path);
      hashes[path] = await hashOfSource(found.source!);
    }
    expect(hashes).toEqual(EXPECTED.thin.devices);
  });

  it('pins what snapshots share, and nothing else', async () => {
    const { volume } = await open(DISK);
    expect(volume('root').pinned).toContain('before');
    expect(volume('before').pinned).toContain('thin pool');
    expect(volume('data').pinned).toBeNull();
    expect(volume('never').pinned).toBeNull();
    expect(volume('never').places).toEqual([]);
  });

  it('shows holes where nothing is mapped, and any range of the rest', async () => {
    const { volume } = await open(DISK);
    const { source, toMembers, size } = volume('data');
    const whole = await contentOf(source!);
    let at = 0;
    let mapped = 0;
    for await (const batch of source!.extents()) {
      for (const { start, end, kind } of batch) {
        expect(start).toBe(at);
        at = end;
        if (kind === 'data') mapped += end - start;
        else expect(whole.subarray(start, end).every((byte) => byte === 0)).toBe(true);
      }
    }
    expect(at).toBe(size);
    // Eight blocks and 161, which have one in common, of 64 KiB each.
    expect(mapped).toBe((8 + 161 - 1) * 65536);
    for (let i = 0; i < 60; i++) {
      const start = (i * 1_299_709) % size;
      const end = Math.min(size, start + ((i * 15_485_863) % (2 * MiB)));
      const part = Buffer.alloc(end - start, 1);
      await source!.read(part, start);
      expect(part.equals(whole.subarray(start, end))).toBe(true);
      const bytes = toMembers({ start, end }).map((place) => {
        const from = PV_START + place.member * 32 * MiB;
        return DISK.subarray(from + place.start, from + place.end);
      });
      const stored: Uint8Array[] = [];
      for await (const batch of source!.extents({ start, end }))
        for (const one of batch) if (one.kind === 'data') stored.push(whole.subarray(one.start, one.end));
      // The same bytes, in whatever order the stripes give them.
      const sorted = (all: Uint8Array[]) =>
        createHash('sha256')
          .update(new Uint8Array(Buffer.concat(all)).sort())
          .digest('hex');
      expect(sorted(bytes)).toBe(sorted(stored));
    }
  });

  it('is followed to its files; every byte of the disk is explained', async () => {
    const found = await inspect(fixturePath('lvm2/thin.img'), new RunContext({ log: new DiagnosticLog() }), {
      drivers: createRegistry(),
    });
    const hashes: Record<string, string> = {};
    for (let entry = 0; entry < found.table.count; entry++) {
      if (found.table.type[entry] !== FILE_TYPE.file) continue;
      const { filesystem, where } = found.filesystems[found.filesystemOf(entry)]!;
      const content = await contentOf(await filesystem!.open(found.table.inode[entry]!));
      const path = latin1Path(found.table, entry);
      hashes[`${where.at(-2)}:${path}`] = createHash('sha256').update(content).digest('hex');
    }
    expect(hashes).toEqual(EXPECTED.thin.files);
    const ranges = [
      ...found.regions.flatMap((region) => [...region.ranges]),
      ...found.filesystems.flatMap((one) => one.toDisk({ start: 0, end: one.source.size })),
    ];
    expect([...ExtentSet.from(ranges)]).toEqual([{ start: 0, end: found.disk.source.size }]);
    await found.close();
  });
});

/* ---------- metadata that lies ---------- */

/** Changes a block of the metadata, and seals it again. */
function changed(...changes: [block: number, xor: number, write: (bytes: Buffer) => void][]): Buffer {
  const disk = Buffer.from(DISK);
  for (const [block, xor, write] of changes) {
    const bytes = disk.subarray(META + block * BLOCK, META + (block + 1) * BLOCK);
    write(bytes);
    bytes.writeUInt32LE((crc32cUpdate(0xffffffff, viewOf(bytes), 4, BLOCK) ^ xor) >>> 0, 0);
  }
  return disk;
}
const SUPER = 160774;
const NODE = 121107;
const superblock = (write: (bytes: Buffer) => void) => changed([0, SUPER, write]);
/** The tree of devices: a leaf with the root of each device's tree. */
const TOP = Number(DISK.readBigUInt64LE(META + 320));
const nodeAt = (block: number) => DISK.subarray(META + block * BLOCK, META + (block + 1) * BLOCK);
const valueAt = (block: number, index: number): number => 32 + 8 * nodeAt(block).readUInt32LE(20) + 8 * index;
/** Device 3 is `data`, by dmsetup's table. */
const DATA_INDEX = Array.from({ length: nodeAt(TOP).readUInt32LE(16) }, (_, i) => i).find(
  (i) => nodeAt(TOP).readBigUInt64LE(32 + 8 * i) === 3n,
)!;
const DATA_ROOT = Number(nodeAt(TOP).readBigUInt64LE(valueAt(TOP, DATA_INDEX)));

describe('metadata of a thin pool that lies', () => {
  it.each<[string, Buffer, string]>([
    ['another magic', superblock((bytes) => bytes.writeUInt8(1, 32)), 'SUPERBLOCK'],
    [
      'a changed byte under the checksum',
      superblock(() => undefined).fill(1, META + 48, META + 49),
      'SUPERBLOCK',
    ],
    ['a version from the future', superblock((bytes) => bytes.writeUInt32LE(3, 40)), 'VERSION'],
    ['a feature from the future', superblock((bytes) => bytes.writeUInt32LE(1, 360)), 'VERSION'],
    ['blocks of another size', superblock((bytes) => bytes.writeUInt32LE(256, 336)), 'SUPERBLOCK'],
    ['a root at the superblock', superblock((bytes) => bytes.writeBigUInt64LE(0n, 320)), 'TREE'],
    ['a root past the end', superblock((bytes) => bytes.writeBigUInt64LE(512n, 320)), 'TREE'],
    ['a node that is another one', changed([TOP, NODE, (bytes) => bytes.writeUInt8(0, 8)]), 'TREE'],
    ['a node of no kind', changed([TOP, NODE, (bytes) => bytes.writeUInt32LE(0, 4)]), 'TREE'],
    ['more entries than a node has', changed([TOP, NODE, (bytes) => bytes.writeUInt32LE(9999, 16)]), 'TREE'],
    ['room for more than a node has', changed([TOP, NODE, (bytes) => bytes.writeUInt32LE(9999, 20)]), 'TREE'],
    ['values of another size', changed([TOP, NODE, (bytes) => bytes.writeUInt32LE(24, 24)]), 'TREE'],
    ['keys out of order', changed([TOP, NODE, (bytes) => bytes.writeBigUInt64LE(0n, 40)]), 'TREE'],
    [
      'a tree that leads to itself',
      changed([
        TOP,
        NODE,
        (bytes) => {
          bytes.writeUInt32LE(1, 4);
          bytes.writeBigUInt64LE(BigInt(TOP), valueAt(TOP, 0));
        },
      ]),
      'TREE',
    ],
  ])('%s', async (_name, disk, code) => {
    const { said, groups, volume } = await open(disk);
    expect(said.filter((line) => !line.includes('SEGMENT_NOT_READ'))).toEqual([
      `error LVM2_THIN_${code} at lvm2 > thin-vg > pool`,
    ]);
    for (const name of ['pool', 'root', 'data', 'never']) expect(volume(name).source).toBeNull();
    expect(volume('first').source).not.toBeNull();
    // Metadata and data, whole.
    expect(volume('pool').places.reduce((sum, { start, end }) => sum + end - start, 0)).toBe(42 * MiB);
    expect(groups[0]!.unread).toEqual([]);
  });

  it.each<[string, Buffer, string]>([
    [
      'a mapping past the end',
      changed([DATA_ROOT, NODE, (bytes) => bytes.writeBigUInt64LE(640n << 24n, valueAt(DATA_ROOT, 0))]),
      'MAPPING',
    ],
    [
      'a root past the end',
      changed([TOP, NODE, (bytes) => bytes.writeBigUInt64LE(1n << 40n, valueAt(TOP, DATA_INDEX))]),
      'TREE',
    ],
    [
      'a node with a wrong checksum',
      Buffer.from(DISK).fill(0xff, META + DATA_ROOT * BLOCK + 4090, META + DATA_ROOT * BLOCK + 4091),
      'TREE',
    ],
  ])('of one device costs that volume: %s', async (_name, disk, code) => {
    const { said, groups, volume } = await open(disk);
    expect(said).toEqual([`error LVM2_THIN_${code} at lvm2 > thin-vg > data`]);
    expect(volume('data').source).toBeNull();
    expect(await hashOfSource(volume('root').source!)).toBe(EXPECTED.thin.devices['/dev/thin-vg/root']);
    // What it took is not known, so nothing of the pool is unused: 2 × 32 MiB less what the volumes take.
    const sound = await open(DISK);
    const sum = (ranges: readonly { start: number; end: number }[]) =>
      ranges.reduce((all, { start, end }) => all + end - start, 0);
    const inPool = sum(groups[0]!.unread);
    expect(inPool).toBe(
      sum(sound.groups[0]!.unused) + sum(sound.volume('data').places) - sum(groups[0]!.unused),
    );
    expect(inPool).toBeGreaterThan(10 * MiB);
  });

  it.each<[string, Buffer, string[]]>([
    [
      'waits for a check',
      superblock((bytes) => bytes.writeUInt32LE(1, 4)),
      ['warning LVM2_THIN_NEEDS_CHECK at lvm2 > thin-vg > pool'],
    ],
    ['keeps a copy of itself', superblock((bytes) => bytes.writeBigUInt64LE(7n, 56)), []],
  ])('proves nothing unused where it %s', async (_name, disk, warnings) => {
    const { said, groups, volume } = await open(disk);
    expect(said).toEqual(warnings);
    expect(volume('data').source).not.toBeNull();
    const sound = await open(DISK);
    const sum = (ranges: readonly { start: number; end: number }[]) =>
      ranges.reduce((all, { start, end }) => all + end - start, 0);
    expect(groups[0]!.unread.length).toBeGreaterThan(0);
    expect(sum(groups[0]!.unread) + sum(groups[0]!.unused)).toBe(sum(sound.groups[0]!.unused));
  });

  it('says so when group and metadata are of different times', async () => {
    const { said } = await open(superblock((bytes) => bytes.writeBigUInt64LE(77n, 48)));
    expect(said).toEqual(['warning LVM2_THIN_TRANSACTION at lvm2 > thin-vg > pool']);
  });

  it('is empty before the kernel has used it', async () => {
    const { said, volume } = await open(Buffer.from(DISK).fill(0, META, META + BLOCK));
    expect(said).toEqual([]);
    expect((await contentOf(volume('data').source!)).every((byte) => byte === 0)).toBe(true);
    expect(volume('root').places).toEqual([]);
  });
});

describe('thin volumes in the text of a group', () => {
  const HIDDEN = '"READ", "WRITE"';
  const PARTS = [
    volumeText('meta', [linear(0, 1, 0)], HIDDEN),
    volumeText('data', [linear(0, 4, 1)], HIDDEN),
  ];
  const segment = (...lines: string[]): string =>
    ['start_extent = 0', 'extent_count = 9', 'transaction_id = 0', ...lines].join('\n');
  const pool = (name: string, chunk = 128): string =>
    volumeText(name, [
      segment('type = "thin-pool"', 'metadata = "meta"', 'pool = "data"', `chunk_size = ${chunk}`),
    ]);
  const thin = (name: string, device: number, ...lines: string[]): string =>
    volumeText(name, [segment('type = "thin"', 'thin_pool = "pool"', `device_id = ${device}`, ...lines)]);
  const run = (...volumes: string[]) =>
    assemble(lvm2Volumes, [made({ text: groupText([...PARTS, ...volumes].join('\n')) })]);

  it('are larger than all that holds them', async () => {
    const { said, groups, volume } = await run(pool('pool'), thin('a', 1));
    expect(said).toEqual([]);
    expect(groups[0]!.volumes.map(({ name, size }) => [name, size])).toEqual([['a', 9 * 65536]]);
    expect((await contentOf(volume('a').source!)).every((byte) => byte === 0)).toBe(true);
    // The metadata is the pool's own; all extents behind it are free, allocated to the pool or not.
    expect([...ExtentSet.from(groups[0]!.unused)]).toEqual([{ start: 2 * 65536, end: 15 * 65536 }]);
  });

  it.each([
    [
      [pool('pool'), thin('a', 1, 'external_origin = "b"'), volumeText('b', [linear(0, 1, 8)])],
      'THIN_EXTERNAL_ORIGIN',
      'a',
    ],
    [[pool('pool'), thin('a', 1, 'merge = "b"'), thin('b', 2)], 'THIN_MERGE', 'a'],
    [[pool('pool'), thin('a', 1), thin('b', 1)], 'THIN_DEVICE', 'a'],
    [[pool('other'), pool('pool'), thin('a', 1)], 'THIN_PARTS', 'pool'],
    [[pool('pool', 0), thin('a', 1)], 'METADATA', 'pool'],
    [
      [pool('pool'), thin('a', 1).replace('extent_count = 9', 'extent_count = 68719476736')],
      'THIN_SIZE',
      'a',
    ],
    [[thin('a', 1).replace('"pool"', '"data"')], 'SEGMENT_NOT_READ', 'a'],
  ])('are refused by name: %#', async (volumes, code, place) => {
    const { said, volume } = await run(...volumes);
    expect(said).toContain(`error LVM2_${code} at lvm2 > vg > ${place}`);
    expect(volume('a').source).toBeNull();
  });
});
