import { expect, it } from 'vitest';
import { btrfsSnapshots } from '../../../src/analyzers/rules/btrfs-snapshots.ts';
import { duplicateFiles } from '../../../src/analyzers/rules/duplicate-files.ts';
import { logs } from '../../../src/analyzers/rules/logs.ts';
import { zeroRuns } from '../../../src/analyzers/rules/zero-runs.ts';
import type { Filesystem, Subvolume } from '../../../src/core/contracts/filesystem.ts';
import { inspectedSubvolumes, type Tree } from '../../inspect/fake-filesystem.ts';
import { resolved } from './support.ts';

const SYSTEM = { '/etc/os-release': 'ID=test\n', '/etc/passwd': '', '/usr/bin/x': 'x' };
const FSTAB = 'UUID=aa / fake subvol=@\nUUID=aa /.snapshots fake subvol=@/.snapshots\n';

async function found(
  tree: Tree,
  subvolumes: Record<string, Partial<Subvolume>>,
  { allocated = 4096, ...more }: Partial<Filesystem> & { allocated?: number },
) {
  const root = Object.entries({ ...SYSTEM, '/etc/fstab': FSTAB }).map(([path, text]) => [`/@${path}`, text]);
  const inspection = await inspectedSubvolumes(
    { ...Object.fromEntries(root), '/@/.snapshots': null, ...tree },
    { '@': {}, ...subvolumes },
    more,
    allocated,
  );
  return (await resolved([btrfsSnapshots, logs, duplicateFiles, zeroRuns], inspection)).map(
    ({ suggestion }) => suggestion,
  );
}

const snapshot = { parentUuid: 'uuid-@', isReadOnly: true };

it("has snapper remove its own, timeshift its own, and btrfs what is nobody's", async () => {
  const asked: (readonly number[])[] = [];
  const [one, ...more] = await found(
    { '/@/etc/snapper/configs/root': '# the root\nSUBVOLUME="/"\nFSTYPE="btrfs"\n' },
    {
      '@/.snapshots': { id: 300 },
      '@/.snapshots/10/snapshot': { id: 310, ...snapshot },
      '@/.snapshots/9/snapshot': { id: 309, ...snapshot },
      'timeshift-btrfs/snapshots/2024-01-01_10-00-00/@': { id: 320, ...snapshot, isReadOnly: false },
      'by hand': { id: 330, ...snapshot },
      // A container engine's layers are no snapshots of the system.
      '@/var/lib/docker/btrfs/subvolumes/base': { id: 340 },
      '@/var/lib/docker/btrfs/subvolumes/layer': {
        id: 341,
        parentUuid: 'uuid-@/var/lib/docker/btrfs/subvolumes/base',
      },
    },
    {
      exclusiveTo: (ids) => {
        asked.push(ids);
        return 123_456_789;
      },
    },
  );
  expect(more).toEqual([]);
  expect(asked).toEqual([[310, 309, 320, 330]]);
  expect(one).toMatchObject({ rule: 'btrfs-snapshots', safety: 'review', reclaimable: 123_456_789 });
  expect(one!.commands).toEqual([
    'btrfs subvolume delete --subvolid 330 /',
    'snapper --no-dbus -c root delete --sync 9 10',
    'timeshift --delete --scripted --snapshot 2024-01-01_10-00-00',
  ]);
  expect(one!.paths).toEqual([
    '/.snapshots/10/snapshot',
    '/.snapshots/9/snapshot',
    '/[filesystem 0]/timeshift-btrfs/snapshots/2024-01-01_10-00-00/@',
    '/[filesystem 0]/by hand',
  ]);
  expect(one!.reason).toContain('timeshift-btrfs/snapshots/2024-01-01_10-00-00/@ can be written to');
});

it('leaves snapshots alone that hold nothing by themselves, and systems without any', async () => {
  expect(await found({}, { kept: snapshot }, { exclusiveTo: () => 0 })).toEqual([]);
  expect(await found({}, { other: {} }, { exclusiveTo: (ids) => ids.length * 4096 })).toEqual([]);
  expect(await found({}, {}, {})).toEqual([]);
});

it('takes a number for a snapshot of the directory that snapper keeps, and of no other', async () => {
  const [one] = await found(
    { '/@/etc/snapper/configs/home': 'SUBVOLUME="/home"\n' },
    { '@/.snapshots': { id: 300 }, '@/.snapshots/1/snapshot': { id: 301, ...snapshot } },
    { exclusiveTo: () => 1 },
  );
  expect(one!.commands).toEqual(['btrfs subvolume delete --subvolid 301 /']);
});

it('promises nothing of a file that a snapshot keeps, and no more than is freed of others', async () => {
  const tree = { '/@/var/log/syslog': 'x'.repeat(5000), '/@/var/log/kern.log': 'x' };
  const [all] = await found(tree, { kept: snapshot }, { removing: () => ({ freed: 0, kept: 8192 }) });
  expect(all).toMatchObject({ rule: 'logs', reclaimable: 0 });
  expect(all!.reason).toMatch(/; frees nothing: snapshots or clones keep 16\.0 KiB of it$/);
  let first = true;
  const [part] = await found(
    tree,
    { kept: snapshot },
    {
      removing: () => {
        const kept = first ? 8192 : 0;
        first = false;
        return { freed: kept > 0 ? 100 : 700, kept };
      },
    },
  );
  expect(part!.reclaimable).toBe(800);
  expect(part!.reason).toMatch(/; snapshots or clones keep 8\.0 KiB of it$/);
  const [none] = await found(tree, { kept: snapshot }, { removing: () => ({ freed: 50, kept: 0 }) });
  expect(none!.reclaimable).toBe(100);
  expect(none!.reason).not.toContain('keep');
});

it('links no file into another subvolume, and none that is mounted nowhere', async () => {
  const same = 'x'.repeat(2 ** 20);
  const copies = {
    '/@/usr/local': null,
    '/@/usr/a': same,
    '/@local/b': same,
    '/attic/c': same,
    '/attic/d': same,
  };
  const fstab = `${FSTAB}UUID=aa /usr/local fake subvol=@local\n`;
  const layout = { '@local': {} };
  expect(await found({ ...copies, '/@/etc/fstab': fstab }, layout, { allocated: 2 ** 20 })).toEqual([]);
  const [one] = await found({ ...copies, '/@/etc/fstab': fstab, '/@local/e': same }, layout, {
    allocated: 2 ** 20,
  });
  expect(one!.paths).toEqual(['/usr/local/b', '/usr/local/e']);
});

it('digs no hole into what a snapshot keeps', async () => {
  const zeros = { '/@/srv/disk': '\0'.repeat(4 * 2 ** 20), '/@/srv': null };
  const [dug] = await found(zeros, {}, { allocated: 4 * 2 ** 20 });
  expect(dug).toMatchObject({ rule: 'zero-runs', reclaimable: 4 * 2 ** 20 });
  const removing = () => ({ freed: 8192, kept: 4 * 2 ** 20 - 8192 });
  const [kept] = await found(zeros, {}, { allocated: 4 * 2 ** 20, removing });
  expect(kept!.reclaimable).toBe(8192);
  expect(kept!.reason).toMatch(/snapshots or clones keep 4\.0 MiB of it$/);
});
