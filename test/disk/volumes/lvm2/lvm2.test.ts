/** LVM2 on disks that LVM made, against what LVM and the kernel said of them. */

import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { DiagnosticLog, RunContext } from '../../../../src/core/context.ts';
import { ExtentSet } from '../../../../src/core/extents.ts';
import { lvm2Volumes } from '../../../../src/disk/volumes/lvm2/lvm2.ts';
import { inspect } from '../../../../src/inspect/inspect.ts';
import { createRegistry } from '../../../../src/registry.ts';
import { fixtureBytes, fixturePath } from '../../../support/fixtures.ts';
import { assemble, hashOfSource, partitionsOf } from '../../../support/groups.ts';
import { contentOf, filesOf } from '../../../support/volumes.ts';
import { EXPECTED, type ExpectedDisk, sectorsOf } from './expected.ts';

/** `rhel` is held in test/differential/rhel.test.ts, `thin` in thin.test.ts. */
type Name = Exclude<keyof typeof EXPECTED, 'rhel' | 'thin'>;
const NAMES: readonly Name[] = ['sys', 'spread', 'whole', 'partial'];

async function open(name: Name) {
  return assemble(lvm2Volumes, await partitionsOf(fixtureBytes(`lvm2/${name}.img`)));
}

/** Position among the members of a physical volume, which are the claimed partitions in order. */
function memberOf(expected: ExpectedDisk, pvName: string): number {
  return expected.pvs.findIndex((one) => one.pv_name === pvName);
}

describe.each(NAMES)('%s', (name) => {
  const expected = EXPECTED[name];

  it('lists the volumes that lvs lists, with their types and sizes', async () => {
    const { groups } = await open(name);
    const found = groups.flatMap((group) =>
      group.volumes.map((volume) => ({
        vg_name: group.name,
        lv_name: volume.name,
        lv_uuid: volume.uuid,
        lv_size: String(volume.size),
        segtype: volume.type,
      })),
    );
    // lvs hides internal volumes in brackets and shows a snapshot as its store, with the store's size and layout;
    // what a thin pool holds are its volumes'.
    const visible = expected.segments.filter(
      ({ lv_name, segtype }) => !lv_name.startsWith('[') && lv_name !== 'shot' && segtype !== 'thin-pool',
    );
    const byName = new Map(visible.map((one) => [one.lv_name, one]));
    expect(found.filter(({ lv_name }) => lv_name !== 'shot')).toEqual(
      expect.arrayContaining(
        [...byName.values()].map(({ vg_name, lv_name, lv_uuid, lv_size, segtype }) => ({
          vg_name,
          lv_name,
          lv_uuid,
          lv_size,
          segtype,
        })),
      ),
    );
    expect(found.filter(({ lv_name }) => lv_name !== 'shot')).toHaveLength(byName.size);
  });

  it('reads the volumes as the kernel did', async () => {
    const { volume } = await open(name);
    const hashes: Record<string, string> = {};
    for (const path of Object.keys(expected.devices)) {
      const found = volume(path.split('/').at(-1)!);
      hashes[path] = await hashOfSource(found.source!);
      expect(found.devices).toContain(path);
    }
    expect(hashes).toEqual(expected.devices);
  });

  it("maps every sector as device-mapper's tables do", async () => {
    const { groups } = await open(name);
    const firstMinor = name === 'whole' ? 0 : Number(expected.pvs[0]!.pv_name.match(/\d+$/)![0]);
    for (const group of groups) {
      for (const volume of group.volumes.filter(({ source, type }) => source !== null && type !== 'thin')) {
        const mapped = volume.devices
          .find((device) => device.startsWith('/dev/mapper/'))!
          .slice('/dev/mapper/'.length);
        const table = expected.table.some((line) => line.startsWith(`${mapped}-real: `))
          ? `${mapped}-real`
          : mapped;
        const sectors = sectorsOf(expected.table, table);
        if (name === 'partial' && sectors.length === 0) continue; // not active when it was asked
        expect(sectors.length * 512, mapped).toBe(volume.size);
        const toSet = (from: number, to: number) =>
          sectors.slice(from, to).map(([minor, sector]) => `${minor - firstMinor} ${sector}`);
        for (const [from, to] of rangesOver(sectors.length)) {
          const found = volume
            .toMembers({ start: from * 512, end: to * 512 })
            .flatMap(({ member, start, end }) =>
              Array.from({ length: (end - start) / 512 }, (_, i) => `${member} ${start / 512 + i}`),
            );
          expect(found.sort(), `${mapped} ${from} to ${to}`).toEqual(toSet(from, to).sort());
        }
      }
    }
  });

  it('counts as unused what pvs calls free, and an empty thin pool', async () => {
    const { groups } = await open(name);
    const extent = Number(EXTENT_BYTES[name]);
    const free = expected.pvs.map(({ pv_name, pe_start }) =>
      ExtentSet.from(
        expected.pvSegments
          // Nothing was written to the thin pool of `spread`.
          .filter(
            (one) => one.pv_name === pv_name && (one.segtype === 'free' || one.lv_name === '[pool_tdata]'),
          )
          .map((one) => {
            const start = Number(pe_start) + Number(one.pvseg_start) * extent;
            return { start, end: start + Number(one.pvseg_size) * extent };
          }),
      ),
    );
    const unused = groups.flatMap((group) => group.unused);
    for (const { pv_name } of expected.pvs.filter((one) => one.pv_name !== '/dev/vdb')) {
      const member = memberOf(expected, pv_name);
      const found = ExtentSet.from(unused.filter((one) => one.member === member));
      expect([...found], pv_name).toEqual([...free[member]!]);
    }
    expect(unused.length).toBeGreaterThan(0);
  });
});

const EXTENT_BYTES = { sys: 512 << 10, spread: 256 << 10, whole: 64 << 10, partial: 128 << 10 };

/** The whole, halves, and stretches that begin and end within stripes. */
function rangesOver(length: number): [number, number][] {
  const ranges: [number, number][] = [
    [0, length],
    [0, 1],
    [length - 1, length],
    [0, 0],
  ];
  for (let i = 1; i < 40; i++) {
    const from = (i * 7919) % length;
    ranges.push([from, Math.min(length, from + ((i * 104729) % length) + 1)]);
  }
  return ranges;
}

describe('what is not read', () => {
  it('is named by its segment type, and its extents are known', async () => {
    const { said, volume, groups } = await open('spread');
    const refused = ['cached', 'mirrored', 'old-mirror', 'parity', 'shot'];
    expect(said).toEqual(refused.map((name) => `error LVM2_SEGMENT_NOT_READ at lvm2 > spread > ${name}`));
    for (const name of refused) expect(volume(name).source, name).toBeNull();
    const bytesOf = (name: string): number =>
      volume(name).places.reduce((sum, { start, end }) => sum + end - start, 0);
    // Images and metadata of all of it, as lvs -a lists them, in extents of 256 KiB.
    expect(bytesOf('mirrored')).toBe((2 * 4 + 2) * 262144);
    expect(bytesOf('old-mirror')).toBe(2 * 4 * 262144);
    expect(bytesOf('parity')).toBe((3 * 4 + 3) * 262144);
    expect(bytesOf('cached')).toBe(2097152 + 8388608 + 4456448);
    expect(bytesOf('shot')).toBe(1572864);
    expect(groups[0]!.unread).toEqual([]);
  });

  it('pins the origin of a snapshot', async () => {
    const { volume } = await open('spread');
    expect(volume('linear').pinned).toBe("its blocks are also the logical volume shot's");
    expect(volume('two').pinned).toBeNull();
  });

  it('names missing physical volumes and reads what is here', async () => {
    const { said, volume } = await open('partial');
    expect(said).toEqual([
      'info LVM2_EXPORTED at lvm2 > exported',
      'warning LVM2_PARTIAL at lvm2 > partial',
      'error LVM2_PV_MISSING at lvm2 > partial > across',
      'error LVM2_PV_MISSING at lvm2 > partial > there',
    ]);
    expect(volume('here').source).not.toBeNull();
    expect(volume('across').places).toEqual([
      { member: 0, start: 1048576 + 4 * 131072, end: 1048576 + 7 * 131072 },
    ]);
  });
});

describe('a whole system', () => {
  async function inspected(name: Name) {
    const path = fixturePath(`lvm2/${name}.img`);
    return inspect(path, new RunContext({ log: new DiagnosticLog() }), { drivers: createRegistry() });
  }

  it('is read through GPT, physical and logical volumes to its files, mounted by fstab', async () => {
    const found = await inspected('sys');
    expect(found.isComplete).toBe(true);
    expect(
      found.partitions.map(({ index, scheme, type, name, start }) => [index, scheme, type, name, start]),
    ).toEqual([
      [1, 'gpt', 'bc13c2ff-59e6-4262-a352-b275fd6f7172', 'boot', 1048576],
      [2, 'gpt', 'e6d6d379-f507-44c2-a23c-238f2a3df928', 'lvm', 5242880],
      // dmsetup's sectors within the partition.
      [3, 'lvm2', 'linear', 'root-a', 5242880 + 2048 * 512],
      [4, 'lvm2', 'linear', 'swap', 5242880 + 18432 * 512],
      [5, 'lvm2', 'linear', 'home', 5242880 + 30720 * 512],
    ]);
    expect(found.filesystems.map(({ type, label, mountPoint }) => [type, label, mountPoint])).toEqual([
      ['ext4', 'boot', '/boot'],
      ['ext4', 'root', '/'],
      ['swap', null, null],
      ['ext4', 'home', '/home'],
    ]);
    expect(found.os?.id).toBe('debian');
    expect(found.packages.map(({ name }) => name)).toEqual(['tool']);
    const hashes: Record<string, string> = {};
    for (const [path, entry] of filesOf(found.table)) {
      const filesystem = found.filesystems[found.filesystemOf(entry)]!;
      if (filesystem.label === 'boot') continue;
      const content = await contentOf(await filesystem.filesystem!.open(found.table.inode[entry]!));
      const name = filesystem.label === 'root' ? 'root-a' : 'home';
      hashes[`${name}:${path}`] = createHash('sha256').update(content).digest('hex');
    }
    expect(hashes).toEqual(EXPECTED.sys.files);
    await found.close();
  });

  it('is followed into a partition table inside a logical volume', async () => {
    const found = await inspected('whole');
    expect(
      found.filesystems.map(({ type, label, where }) => [type, label, where.slice(1).join(' > ')]),
    ).toEqual([['ext4', 'inner', 'lvm2 > whole > guest > gpt > 1 > ext4']]);
    // Two are number 1; their names tell them apart.
    expect(found.partitions.map(({ volume, index, parent }) => [volume, index, parent])).toEqual([
      ['whole/guest', 1, null],
      ['whole/guest/p1', 1, 0],
      ['whole/other', 2, null],
    ]);
    expect(found.filesystems.map(({ volume }) => volume)).toEqual(['whole/guest/p1']);
    const [[, entry]] = [...filesOf(found.table)] as [[string, number]];
    const content = await contentOf(await found.filesystems[0]!.filesystem!.open(found.table.inode[entry]!));
    expect(createHash('sha256').update(content).digest('hex')).toBe(EXPECTED.whole.files['inner:/a/inner']);
    await found.close();
  });

  it('explains every byte of the disk once', async () => {
    for (const name of NAMES) {
      const found = await inspected(name);
      const ranges = [
        ...found.regions.flatMap((region) => [...region.ranges]),
        ...found.filesystems.flatMap((one) => one.toDisk({ start: 0, end: one.source.size })),
      ].filter(({ end, start }) => end > start);
      expect([...ExtentSet.from(ranges)], name).toEqual([{ start: 0, end: found.disk.source.size }]);
      const total = ranges.reduce((sum, { start, end }) => sum + end - start, 0);
      expect(total, name).toBe(found.disk.source.size);
      await found.close();
    }
  });
});
