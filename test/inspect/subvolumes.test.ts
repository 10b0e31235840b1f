/** A filesystem with subvolumes as the layouts of distributions mount it. */
import { describe, expect, it } from 'vitest';
import { mountTree } from '../../src/analyzers/mount-tree.ts';
import { pathInTree, treeOfInspection } from '../../src/analyzers/size-tree.ts';
import type { Subvolume } from '../../src/core/contracts/filesystem.ts';
import type { Inspection } from '../../src/core/contracts/inspection.ts';
import { inspectedSubvolumes, type Tree } from './fake-filesystem.ts';

const below = (prefix: string, tree: Tree): Tree =>
  Object.fromEntries(Object.entries(tree).map(([path, value]) => [`/${prefix}${path}`, value]));

const system = (fstab: string): Tree => ({
  '/etc/fstab': fstab,
  '/etc/os-release': 'ID=test\n',
  '/etc/passwd': '',
  '/usr/bin/tool': 'tool',
  '/home': null,
});
const snapshotOf = (path: string, more: Partial<Subvolume> = {}): Partial<Subvolume> => ({
  parentUuid: `uuid-${path}`,
  isReadOnly: true,
  ...more,
});
const mounts = (found: Inspection) =>
  found.filesystems[0]!.mounts.map(
    ({ mountPoint, entry }) =>
      `${mountPoint} ${found.filesystems[0]!.subvolumes.find((one) => one.entry === entry)?.path}`,
  );
const codes = (found: Inspection) => found.diagnostics.map(({ code }) => code);
/** Every path that the inspection would print of a file. */
function paths({ table, pathOf }: Inspection): string[] {
  const found: string[] = [];
  for (let entry = 0; entry < table.count; entry++) if (!table.isDirectory(entry)) found.push(pathOf(entry));
  return found.sort();
}
const counted = ({ table, pathOf }: Inspection): string[] => {
  const found: string[] = [];
  for (let entry = 0; entry < table.count; entry++) {
    if (!table.isDirectory(entry) && table.isCounted(entry)) found.push(pathOf(entry));
  }
  return found.sort();
};

describe("Ubuntu's layout: @ and @home, snapshots of timeshift", () => {
  const fstab = 'UUID=aa / fake defaults,subvol=@ 0 1\nUUID=aa /home fake defaults,subvol=@home 0 2\n';
  const filesystem = () =>
    inspectedSubvolumes(
      {
        ...below('@', system(fstab)),
        '/@home/user/notes': 'notes',
        ...below('timeshift-btrfs/snapshots/2024-01-01/@', system(fstab)),
        '/timeshift-btrfs/snapshots/2024-01-01/info.json': '{}',
        '/@/var/lib/machines/inner': 'inner',
      },
      {
        'timeshift-btrfs/snapshots/2024-01-01/@': snapshotOf('@', { exclusive: 12288, isReadOnly: false }),
        '@': {},
        '@home': {},
        '@/var/lib/machines': {},
      },
    );

  it('mounts by the options, takes the subvolume that names itself, and not its snapshot', async () => {
    const found = await filesystem();
    expect(mounts(found)).toEqual(['/ @', '/home @home']);
    expect(codes(found)).toEqual([]);
    expect(found.os).toMatchObject({ id: 'test' });
    expect(found.filesystems[0]!.mountPoint).toBe('/');
    const root = found.root!;
    expect(found.pathOf(root.lookup('/home/user/notes'))).toBe('/home/user/notes');
    expect(found.pathOf(root.lookup('/home/../etc/fstab'))).toBe('/etc/fstab');
    expect(found.pathOf(root.lookup('/../@home/user'))).toBe('/');
    expect(new TextDecoder().decode(await root.read('/var/lib/machines/inner'))).toBe('inner');
  });

  it('prints no path twice, and counts no file of a snapshot', async () => {
    const found = await filesystem();
    const all = paths(found);
    expect(new Set(all).size).toBe(all.length);
    const snapshot = '/[filesystem 0]/timeshift-btrfs/snapshots/2024-01-01';
    expect(all).toContain(`${snapshot}/@/etc/fstab`);
    expect(counted(found)).toEqual([
      `${snapshot}/info.json`,
      '/etc/fstab',
      '/etc/os-release',
      '/etc/passwd',
      '/home/user/notes',
      '/usr/bin/tool',
      '/var/lib/machines/inner',
    ]);
    expect(
      found.filesystems[0]!.subvolumes.map(({ path, guestPath, isAside }) => [path, guestPath, isAside]),
    ).toEqual([
      ['', '/[filesystem 0]', false],
      ['timeshift-btrfs/snapshots/2024-01-01/@', `${snapshot}/@`, true],
      ['@', '/', false],
      ['@home', '/home', false],
      ['@/var/lib/machines', '/var/lib/machines', false],
    ]);
  });

  it('is one tree, in which a snapshot is what it holds alone', async () => {
    const found = await filesystem();
    const tree = treeOfInspection(found);
    const nodes = new Map(Array.from({ length: tree.count }, (_, node) => [pathInTree(tree, node), node]));
    expect(nodes.size).toBe(tree.count);
    const snapshot = nodes.get('/[filesystem 0]/timeshift-btrfs/snapshots/2024-01-01/@')!;
    expect([tree.allocated[snapshot], tree.childCount[snapshot]]).toEqual([12288, 0]);
    // Every entry of the fake occupies 4096 bytes. All are there, but for the empty directory below the mounted /home
    // and what is in the snapshot, which has its own number.
    const { table } = found;
    let entries = 0;
    for (let entry = 0; entry < table.count; entry++) if (table.isCounted(entry)) entries++;
    expect(tree.allocated[0]).toBe((entries - 1) * 4096 + 12288);
    expect(mountTree(found).inner.has('home')).toBe(true);
  });
});

describe("Fedora's layout: root and home", () => {
  const fstab =
    'UUID=aa / fake subvol=root,compress=zstd:1 0 0\nUUID=aa /home fake compress=zstd:1,subvol=home 0 0\n';

  it('shows nothing beside what is mounted', async () => {
    const found = await inspectedSubvolumes(
      { ...below('root', system(fstab)), '/home/user/x': 'x' },
      { root: {}, home: {} },
    );
    expect(mounts(found)).toEqual(['/ root', '/home home']);
    expect([...mountTree(found).inner.keys()]).toEqual(['home']);
    expect(paths(found)).toEqual([
      '/etc/fstab',
      '/etc/os-release',
      '/etc/passwd',
      '/home/user/x',
      '/usr/bin/tool',
    ]);
  });
});

describe("openSUSE's layout: the root is a snapshot, and the default", () => {
  const fstab = [
    'UUID=aa / fake defaults 0 0',
    'UUID=aa /.snapshots fake subvol=/@/.snapshots 0 0',
    'UUID=aa /home fake subvolid=258 0 0',
    'UUID=aa /gone fake subvol=/@/gone 0 0',
    'UUID=aa /wrong fake subvol=@/.snapshots,subvolid=258 0 0',
    'UUID=aa /again fake subvol=@/home 0 0',
  ].join('\n');
  const root = '@/.snapshots/1/snapshot';
  const filesystem = () =>
    inspectedSubvolumes(
      {
        ...below(root, { ...system(fstab), '/.snapshots': null }),
        ...below('@/.snapshots/2/snapshot', system(fstab)),
        '/@/.snapshots/2/info.xml': 'x',
        '/@/home/user/x': 'x',
      },
      {
        '@': {},
        '@/.snapshots': {},
        '@/home': { id: 258 },
        [root]: snapshotOf('@', { isDefault: true, isReadOnly: false }),
        '@/.snapshots/2/snapshot': snapshotOf(root, { exclusive: 4096 }),
      },
    );

  it('mounts the default at /, by path and by number, what exists and once', async () => {
    const found = await filesystem();
    expect(mounts(found)).toEqual([`/ ${root}`, '/home @/home', '/.snapshots @/.snapshots']);
    expect(codes(found)).toEqual([]);
    const all = paths(found);
    expect(new Set(all).size).toBe(all.length);
    expect(all.filter((path) => path.startsWith('/.snapshots'))).toEqual([
      '/.snapshots/2/info.xml',
      '/.snapshots/2/snapshot/etc/fstab',
      '/.snapshots/2/snapshot/etc/os-release',
      '/.snapshots/2/snapshot/etc/passwd',
      '/.snapshots/2/snapshot/usr/bin/tool',
    ]);
    const tree = treeOfInspection(found);
    const shown = Array.from({ length: tree.count }, (_, node) => pathInTree(tree, node));
    expect(shown).toContain('/.snapshots/2/snapshot');
    expect(shown.filter((path) => path.includes('snapshot/'))).toEqual([]);
    expect(shown.filter((path) => path === '/usr/bin/tool')).toHaveLength(1);
  });
});

describe('other systems', () => {
  const fstab = (name: string) => `UUID=aa / fake subvol=${name} 0 0\n`;

  it('tells that there are two, one of them with snapshots', async () => {
    const found = await inspectedSubvolumes(
      {
        ...below('debian', system(fstab('debian'))),
        ...below('arch', system(fstab('nowhere'))),
        ...below('kept', system(fstab('debian'))),
      },
      { arch: {}, debian: {}, kept: snapshotOf('debian') },
    );
    expect(mounts(found)).toEqual(['/ debian']);
    expect(codes(found)).toEqual(['IMGOPT_SEVERAL_ROOTS']);
    // The other system is no snapshot of the first: its files are files.
    expect(counted(found)).toContain('/[filesystem 0]/arch/usr/bin/tool');
  });

  it('takes the one that its fstab names before a default that names another', async () => {
    const found = await inspectedSubvolumes(
      { ...below('root', system(fstab('root'))), ...below('tried', system(fstab('root'))) },
      { root: {}, tried: snapshotOf('root', { isDefault: true, isReadOnly: false }) },
    );
    expect(mounts(found)).toEqual(['/ root']);
    expect(codes(found)).toEqual([]);
    const unnamed = await inspectedSubvolumes(
      { ...below('root', system('')), ...below('tried', system('')) },
      { root: {}, tried: snapshotOf('root', { isDefault: true, isReadOnly: false }) },
    );
    expect(mounts(unnamed)).toEqual(['/ tried']);
  });

  it('takes a system that only snapshots of something gone are left of', async () => {
    const found = await inspectedSubvolumes(
      { ...below('b', system(fstab('a'))), ...below('c', system(fstab('a'))) },
      { b: snapshotOf('a', { id: 300 }), c: snapshotOf('a', { id: 299, isReadOnly: false }) },
    );
    expect(mounts(found)).toEqual(['/ c']);
    expect(codes(found)).toEqual([]);
    expect(found.filesystems[0]!.subvolumes.map(({ isAside }) => isAside)).toEqual([false, true, false]);
  });

  it('leaves a subvolume where it is mounted over itself', async () => {
    const found = await inspectedSubvolumes(
      {
        ...system('UUID=aa / fake\nUUID=aa /var fake subvol=var\nUUID=aa /top fake subvolid=0\n'),
        '/var/log/x': 'x',
      },
      { var: {} },
    );
    expect(mounts(found)).toEqual(['/ ', '/var var']);
    expect(paths(found)).toContain('/var/log/x');
    expect(found.root!.lookup('/var/log/x')).toBeGreaterThan(0);
    const tree = treeOfInspection(found);
    const shown = Array.from({ length: tree.count }, (_, node) => pathInTree(tree, node));
    expect(shown.filter((path) => path.startsWith('/var'))).toEqual(['/var', '/var/log', '/var/log/x']);
  });

  it('keeps everything at its place on a disk of data', async () => {
    const found = await inspectedSubvolumes(
      { '/data/a': 'a', '/kept/a': 'a' },
      { data: {}, kept: snapshotOf('data') },
    );
    expect(found.root).toBeNull();
    expect(counted(found)).toEqual(['/data/a', '/kept/a']);
    expect(found.filesystems[0]!.subvolumes.map(({ guestPath }) => guestPath)).toEqual([
      '/',
      '/data',
      '/kept',
    ]);
    expect(treeOfInspection(found).count).toBe(5);
  });

  it('survives thousands of subvolumes that are snapshots of each other, all alike and all in fstab', async () => {
    const COUNT = 3000;
    const name = (i: number) => `s${i % COUNT}`;
    const numbers = Array.from({ length: COUNT }, (_, i) => i);
    const lines = numbers.map((i) => `UUID=aa /m${i}/../s${i} fake subvol=${name(i)}\n`).join('');
    const started = performance.now();
    const found = await inspectedSubvolumes(
      Object.fromEntries(
        numbers.flatMap((i) => [
          [`/${name(i)}/etc/fstab`, i % 2 === 0 ? lines : 'UUID=aa / fake subvol=nowhere\n'],
          [`/${name(i)}/etc/passwd`, ''],
        ]),
      ),
      Object.fromEntries(
        numbers.map((i) => [
          name(i),
          { parentUuid: `uuid-${name(i + 1)}`, uuid: i % 7 === 0 ? 'same' : `uuid-${name(i)}` },
        ]),
      ),
    );
    expect(performance.now() - started).toBeLessThan(10_000);
    const all = paths(found);
    expect(new Set(all).size).toBe(all.length);
    expect(found.root).not.toBeNull();
  });
});
