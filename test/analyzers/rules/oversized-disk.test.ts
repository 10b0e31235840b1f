import { expect, it } from 'vitest';
import { oversizedDisk } from '../../../src/analyzers/rules/oversized-disk.ts';
import type { InspectedFilesystem } from '../../../src/core/contracts/inspection.ts';
import { disk, MiB } from './disk.ts';
import { suggestions } from './support.ts';

const filesystem = (used: number | null): InspectedFilesystem =>
  ({
    index: 0,
    section: 0,
    mountPoint: '/',
    mounts: [{ entry: 0, mountPoint: '/' }],
    subvolumes: [],
    used,
    usage: 'filesystem',
  }) as unknown as InspectedFilesystem;

it('finds a disk many times its content, and counts no byte of it', async () => {
  const inspection = {
    ...disk('qcow2', { virtualSize: 40960 * MiB }),
    filesystems: [filesystem(1200 * MiB)],
  };
  const [found] = await suggestions(oversizedDisk, {}, [], { inspection });
  expect(found!.reclaimable).toBe(0);
  expect(found!.reason).toContain('40.0 GiB virtual, 1.2 GiB used: 2.0 GiB would do');
});

it('leaves fitting disks alone, and those that were not wholly read', async () => {
  const fitting = { ...disk('qcow2', { virtualSize: 4096 * MiB }), filesystems: [filesystem(1200 * MiB)] };
  expect(await suggestions(oversizedDisk, {}, [], { inspection: fitting })).toEqual([]);
  const unread = {
    ...disk('qcow2', { virtualSize: 40960 * MiB }),
    filesystems: [filesystem(MiB), filesystem(null)],
  };
  expect(await suggestions(oversizedDisk, {}, [], { inspection: unread })).toEqual([]);
});
