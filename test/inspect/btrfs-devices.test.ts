/** A btrfs filesystem over whole disks of a container, which come in any order: one filesystem, each disk a part of it. */
import { expect, it } from 'vitest';
import { DiagnosticLog, RunContext } from '../../src/core/context.ts';
import type { ContainedDisk, Disk } from '../../src/core/contracts/disk.ts';
import { exploreDisk } from '../../src/inspect/volumes.ts';
import { createRegistry } from '../../src/registry.ts';
import { memorySource } from '../../src/sources/memory.ts';
import { BTRFS_IMAGES } from '../support/btrfs.ts';
import { fixtureBytes } from '../support/fixtures.ts';
import { partitionsOf } from '../support/groups.ts';
import { contentOf } from '../support/volumes.ts';

const MiB = 1024 * 1024;
const DEVICE = 96 * MiB;

it('is read once, and maps back to its disks', async () => {
  const devices = await Promise.all((await partitionsOf(fixtureBytes('btrfs/raid1.img'))).map(contentOf));
  const bytes = Buffer.concat(devices.reverse());
  const contained: ContainedDisk[] = ['second.raw', 'first.raw'].map((name, i) => ({
    name,
    start: i * DEVICE,
    size: DEVICE,
    // Only whether it was opened is asked for.
    disk: {} as Disk,
    compressedWith: null,
  }));
  const log = new DiagnosticLog();
  const found = await exploreDisk(memorySource(bytes), createRegistry(), new RunContext({ log }), contained);
  expect(log.list()).toEqual([]);
  expect(found.regions).toEqual([]);
  expect(found.partitions).toMatchObject([
    { scheme: 'btrfs', type: 'btrfs', name: 'array', size: 2 * DEVICE },
  ]);
  expect(found.partitions[0]!.uuid).toBe(BTRFS_IMAGES['raid1']!.super['fsid']);
  expect(found.stands).toHaveLength(1);
  const [stand] = found.stands;
  expect(stand!.driver.name).toBe('btrfs');
  expect(stand!.where).toEqual(['btrfs', 'array', 'btrfs']);
  // Device 1 is the second disk: its superblock, and that of device 2.
  expect(stand!.toDisk({ start: 65_536, end: 69_632 })).toEqual([
    { start: DEVICE + 65_536, end: DEVICE + 69_632 },
  ]);
  expect(stand!.toDisk({ start: DEVICE + 65_536, end: DEVICE + 69_632 })).toEqual([
    { start: 65_536, end: 69_632 },
  ]);
});
