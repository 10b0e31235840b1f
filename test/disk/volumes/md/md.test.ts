/** Software RAID that mdadm and the kernel made, against what they said of it, and superblocks that lie. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { DiagnosticLog, RunContext } from '../../../../src/core/context.ts';
import { ExtentSet } from '../../../../src/core/extents.ts';
import { mdVolumes } from '../../../../src/disk/volumes/md/md.ts';
import { parseSuperblock, superblockPlaces } from '../../../../src/disk/volumes/md/superblock.ts';
import { inspect } from '../../../../src/inspect/inspect.ts';
import { createRegistry } from '../../../../src/registry.ts';
import { memorySource } from '../../../../src/sources/memory.ts';
import { fixtureBytes, fixtureExpected, fixturePath } from '../../../support/fixtures.ts';
import { assemble, hashOfSource, partitionsOf } from '../../../support/groups.ts';
import { contentOf, filesOf } from '../../../support/volumes.ts';

interface Expected {
  readonly devices: Readonly<Record<string, string>>;
  readonly loader: string;
  readonly details: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly examined: Readonly<Record<string, Readonly<Record<string, string>>>>;
}
const EXPECTED = fixtureExpected<Expected>('md');
const DISK = fixtureBytes('md/raid.img');
/** By the fixture's recipe: name of the array, and its partitions. */
const ARRAYS: Readonly<Record<string, [name: string, partitions: readonly number[]]>> = {
  md0: ['boot', [1, 2]],
  md1: ['1', [3, 4]],
  md2: ['pv', [5, 6]],
  md3: ['3', [7, 8]],
  md4: ['degraded', [9]],
  md5: ['behind', [10, 11]],
  md6: ['parity', [12, 13, 14]],
  md7: ['7', [15, 16]],
};

const open = async () => assemble(mdVolumes, await partitionsOf(DISK));

describe('arrays', () => {
  it('have the levels and identifiers that mdadm --detail prints', async () => {
    const { volume } = await open();
    for (const [device, [name]] of Object.entries(ARRAYS)) {
      const details = EXPECTED.details[device]!;
      const found = volume(name);
      expect(found.type).toBe(details['Raid Level']);
      expect(found.uuid!.replaceAll('-', '')).toBe(details['UUID']!.replaceAll(':', ''));
      expect(found.devices).toContain(`/dev/disk/by-id/md-uuid-${details['UUID']}`);
      if (found.type === 'raid1') expect(found.size).toBe(Number(details['Array Size']) * 1024);
      if (details['Name'] !== undefined) expect(details['Name']).toBe(`host:${name}`);
    }
    expect(volume('3').devices[0]).toBe('/dev/md3');
    expect(volume('1').devices.slice(0, 2)).toEqual(['/dev/md1', '/dev/md/1']);
  });

  it('that are mirrors are read as the kernel did, of every metadata version', async () => {
    const { volume } = await open();
    const versions = new Set<string>();
    for (const [device, [name]] of Object.entries(ARRAYS)) {
      const expected = EXPECTED.devices[`/dev/${device}`];
      if (expected === undefined) continue;
      versions.add(EXPECTED.details[device]!['Version']!);
      expect(await hashOfSource(volume(name).source!), name).toBe(expected);
    }
    expect([...versions].sort()).toEqual(['0.90', '1.0', '1.1', '1.2']);
  });

  it('of other levels are refused by name, and a member that fell behind is not read', async () => {
    const { said, volume, groups } = await open();
    expect(EXPECTED.examined['vda10']!['Events']).toBe('14');
    expect(said).toEqual([
      'warning MD_MEMBER_BEHIND at 10 > md',
      'error MD_LEVEL_NOT_READ at md > 7',
      'info MD_DEGRADED at md > behind',
      'info MD_DEGRADED at md > degraded',
      'error MD_LEVEL_NOT_READ at md > parity',
    ]);
    expect(volume('parity').source).toBeNull();
    expect(groups.flatMap(({ unread }) => unread)).toEqual([{ member: 9, start: 0, end: 4 << 20 }]);
  });

  it('map to every copy, at the data offsets that mdadm --examine prints', async () => {
    const { volume } = await open();
    for (const [name, partitions] of Object.values(ARRAYS).filter(([, { length }]) => length === 2)) {
      const found = volume(name);
      if (found.source === null || name === 'behind') continue;
      const offsets = partitions.map(
        (number) => Number(EXPECTED.examined[`vda${number}`]!['Data Offset']?.split(' ')[0] ?? '0') * 512,
      );
      expect(found.toMembers({ start: 5000, end: 70000 })).toEqual(
        partitions.map((number, i) => ({
          member: number - 1,
          start: offsets[i]! + 5000,
          end: offsets[i]! + 70000,
        })),
      );
    }
  });
});

describe('one member alone', () => {
  it.each([
    ['first', 0],
    ['second', 1],
  ])('the %s is enough', async (_, which) => {
    const partitions = await partitionsOf(DISK);
    for (const device of ['md0', 'md1', 'md2', 'md3']) {
      const [name, numbers] = ARRAYS[device]!;
      const { volume, said } = await assemble(mdVolumes, [partitions[numbers[which]! - 1]!]);
      expect(said).toEqual([`info MD_DEGRADED at md > ${name}`]);
      expect(await hashOfSource(volume(name).source!)).toBe(EXPECTED.devices[`/dev/${device}`]);
    }
  });
});

describe('the whole disk', () => {
  it('is read through arrays, and a logical volume on one, to the files', async () => {
    const found = await inspect(fixturePath('md/raid.img'), new RunContext({ log: new DiagnosticLog() }), {
      drivers: createRegistry(),
    });
    expect(found.filesystems.map(({ label, where }) => [label, where.slice(1).join(' > ')])).toEqual([
      ['BOOT', 'md > boot > vfat'],
      ['one', 'md > 1 > ext4'],
      ['old', 'md > 3 > ext4'],
      ['degraded', 'md > degraded > ext4'],
      ['after', 'md > behind > ext4'],
      ['root', 'lvm2 > vg > root > ext4'],
    ]);
    for (const [, entry] of filesOf(found.table)) {
      const content = await contentOf(
        await found.filesystems[found.filesystemOf(entry)]!.filesystem!.open(found.table.inode[entry]!),
      );
      expect(createHash('sha256').update(content).digest('hex')).toBe(EXPECTED.loader);
    }
    // What a mirror does not use, it does not use in either copy.
    const boot = found.filesystems[0]!;
    const copies = ExtentSet.from(boot.toDisk({ start: 0, end: boot.size }));
    expect([...copies].map(({ start }) => start)).toEqual([1 << 20, 5 << 20]);
    await found.close();
  });
});

describe('superblocks that lie', () => {
  const member = (): Buffer => Buffer.from(DISK.subarray(17 << 20, 21 << 20)); // vda5: 1.2
  const old = (): Buffer => Buffer.from(DISK.subarray(25 << 20, 29 << 20)); // vda7: 0.90
  const probe = (bytes: Buffer) =>
    mdVolumes.probe({ head: bytes.subarray(0, 131072), tail: bytes.subarray(-131072), size: bytes.length });
  /** The kernel's calc_sb_1_csum. */
  const reseal = (bytes: Buffer, change: (superblock: Buffer) => void): Buffer => {
    const superblock = bytes.subarray(4096, 8192);
    change(superblock);
    superblock.writeUInt32LE(0, 216);
    let sum = 0n;
    const length = 256 + 2 * superblock.readUInt32LE(220);
    for (let i = 0; i + 4 <= length && i + 4 <= 4096; i += 4) sum += BigInt(superblock.readUInt32LE(i));
    if (length % 4 === 2 && length <= 4096) sum += BigInt(superblock.readUInt16LE(length - 2));
    superblock.writeUInt32LE(Number(((sum & 0xffffffffn) + (sum >> 32n)) & 0xffffffffn), 216);
    return bytes;
  };

  it('are believed when their checksum holds', () => {
    expect(probe(member())).toEqual({ certainty: 'certain', description: 'MD RAID member, metadata 1.2' });
    expect(probe(old())).toEqual({ certainty: 'certain', description: 'MD RAID member, metadata 0.90' });
    expect(probe(reseal(member(), () => {}))?.certainty).toBe('certain');
  });

  it('are damaged, moved or nonsense otherwise', () => {
    const changed = (bytes: Buffer, at: number): Buffer => bytes.fill(bytes[at]! ^ 1, at, at + 1);
    expect(probe(changed(member(), 4096 + 80))?.certainty).toBe('resembles');
    expect(probe(changed(old(), superblockPlaces(4 << 20).at(-1)!.at + 80))?.certainty).toBe('resembles');
    expect(probe(reseal(member(), (sb) => sb.writeUInt32LE(16, 144)))).toBeUndefined(); // lies elsewhere
    expect(probe(reseal(member(), (sb) => sb.writeUInt32LE(0xffffffff, 220)))?.certainty).toBe('resembles');
    expect(probe(reseal(member(), (sb) => sb.writeUInt32LE(5000, 160)))?.certainty).toBe('resembles');
    expect(probe(reseal(member(), (sb) => sb.writeUInt32LE(0x00200000, 84)))?.certainty).toBe('resembles');
    for (const size of [0, 511, 4096, 65536, 70000])
      expect(probe(member().subarray(0, size).fill(0))).toBeUndefined();
  });

  it.each<[string, (superblock: Buffer) => void, string]>([
    ['a reshape', (sb) => sb.writeUInt32LE(4, 8), 'MD_FEATURE'],
    ['a bit from the future', (sb) => sb.writeUInt32LE(1 << 20, 8), 'MD_FEATURE'],
    ['bad blocks', (sb) => sb.writeUInt32LE(8, 8), 'MD_BAD_BLOCKS'],
    ['a rebuild', (sb) => sb.writeUInt32LE(2, 8), 'MD_NO_MEMBER'],
    ['a spare', (sb) => sb.writeUInt16LE(0xffff, 256 + 2 * sb.readUInt32LE(160)), 'MD_NO_MEMBER'],
    ['a faulty member', (sb) => sb.writeUInt16LE(0xfffe, 256 + 2 * sb.readUInt32LE(160)), 'MD_NO_MEMBER'],
    ['data behind the end', (sb) => sb.writeUInt32LE(0x100000, 80), 'MD_TRUNCATED'],
    ['level 6', (sb) => sb.writeInt32LE(6, 72), 'MD_LEVEL_NOT_READ'],
    ['a linear array', (sb) => sb.writeInt32LE(-1, 72), 'MD_LEVEL_NOT_READ'],
  ])('%s is said by name', async (_, change, code) => {
    const { said, volume } = await assemble(mdVolumes, [memorySource(reseal(member(), change))]);
    expect(said).toContain(`error ${code} at md > pv`);
    expect(volume('pv').source).toBeNull();
  });

  it('big-endian ones of 0.90 are read too', () => {
    const bytes = old();
    const place = superblockPlaces(bytes.length).at(-1)!;
    const superblock = bytes.subarray(place.at, place.at + 4096);
    const little = parseSuperblock(superblock, place);
    // A big-endian kernel stores the same words, and the halves of the event count the other way round.
    superblock.swap32();
    const [first, second] = [superblock.readUInt32BE(39 * 4), superblock.readUInt32BE(40 * 4)];
    superblock.writeUInt32BE(second, 39 * 4);
    superblock.writeUInt32BE(first, 40 * 4);
    expect(little).toMatchObject({ version: '0.90', level: 'raid1', events: 18n });
    expect(parseSuperblock(superblock, place)).toEqual(little);
  });
});
