import { describe, expect, it } from 'vitest';
import {
  type Mountable,
  matchDevice,
  namesItselfRoot,
  parseDiskName,
  parseFstab,
  planMounts,
} from '../../src/inspect/mounts.ts';

const encode = (text: string) => new TextEncoder().encode(text);
const nowhere = () => false;

function mountable(section: number, more: Partial<Mountable> = {}): Mountable {
  return {
    section,
    uuid: null,
    label: null,
    partitionUuid: null,
    partitionName: null,
    partitionType: null,
    partitionIndex: section + 1,
    devices: [],
    subvolumes: [],
    entry: section,
    index: section,
    ...more,
  };
}

describe('fstab(5)', () => {
  it('takes blanks apart, leaves comments and broken lines out', () => {
    const text = [
      '# <file system> <mount point> <type>',
      '',
      'UUID=1 /\text4\tdefaults 0 1',
      '   /dev/sda2   /home   xfs',
      'tooshort /x',
      '#UUID=2 /srv ext4 defaults 0 0',
    ].join('\n');
    expect(parseFstab(text)).toEqual([
      { device: 'UUID=1', mountPoint: '/', type: 'ext4', subvolume: null },
      { device: '/dev/sda2', mountPoint: '/home', type: 'xfs', subvolume: null },
    ]);
  });

  it.each([
    ['subvol=@home', { path: '@home' }],
    ['defaults,subvol=/@/var/,noatime', { path: '@/var' }],
    ['subvol=/', { path: '' }],
    ['subvol=a\\040b', { path: 'a b' }],
    ['subvol=a,subvol=b', { path: 'b' }],
    ['subvolid=257,ro', { id: 257 }],
    ['subvolid=0', { id: 5 }],
    ['subvolid=256,subvol=@', { path: '@', id: 256 }],
    ['subvolid=x', null],
    ['compress=zstd:1,x-subvol=@', null],
  ])('reads which subvolume is meant by %s', (options, subvolume) => {
    expect(parseFstab(`UUID=1 / btrfs ${options} 0 0`)[0]!.subvolume).toEqual(subvolume);
  });

  it('decodes octal escapes as bytes of UTF-8', () => {
    // man 5 fstab: spaces as \040, tabs as \011; getmntent(3) adds \012 and \134.
    expect(parseFstab('LABEL=my\\040disk /mnt/a\\040b\\011c\\134d ext4')[0]).toEqual({
      device: 'LABEL=my disk',
      mountPoint: '/mnt/a b\tc\\d',
      type: 'ext4',
      subvolume: null,
    });
    expect(parseFstab('LABEL=x /m\\303\\244rz ext4')[0]!.mountPoint).toBe('/märz');
    expect(parseFstab('LABEL=x /a\\9\\04 ext4')[0]!.mountPoint).toBe('/a\\9\\04');
  });

  it('never leaves the root, whatever a mount point says', () => {
    expect(parseFstab('/dev/sda2 /../../etc/./x// ext4')[0]!.mountPoint).toBe('/etc/x');
    expect(parseFstab('/dev/sda3 none swap sw')[0]!.mountPoint).toBe('');
  });

  it('survives a megabyte without a line end, and a hundred thousand lines', () => {
    const started = performance.now();
    expect(parseFstab('\\040'.repeat(250_000))).toEqual([]);
    expect(parseFstab(`${' '.repeat(1_000_000)}x`)).toEqual([]);
    const lines = parseFstab('UUID=1 /a ext4\n'.repeat(100_000));
    planMounts(mountable(0), 0, [mountable(0)], encode('UUID=1 /a ext4\n'.repeat(50_000)), nowhere);
    expect(lines).toHaveLength(100_000);
    expect(performance.now() - started).toBeLessThan(2000);
  });
});

describe('devices', () => {
  const root = mountable(0, { uuid: '3b1e7a52-5c0f-4d6e-8f51-0a1b2c3d4e5f', label: 'root' });
  const esp = mountable(1, { uuid: '1234-ABCD', partitionName: 'EFI system', partitionUuid: '6d69-02' });
  const lv = mountable(2, { partitionIndex: null, devices: ['/dev/vg0/home', '/dev/mapper/vg0-home'] });
  const all = [root, esp, lv];

  it.each([
    ['UUID=3b1e7a52-5c0f-4d6e-8f51-0a1b2c3d4e5f', 0],
    ['UUID="3B1E7A52-5C0F-4D6E-8F51-0A1B2C3D4E5F"', 0],
    ["LABEL='root'", 0],
    ['LABEL=Root', undefined],
    ['PARTUUID=6d69-02', 1],
    ['PARTLABEL=EFI system', 1],
    ['/dev/disk/by-uuid/1234-ABCD', 1],
    ['/dev/disk/by-label/root', 0],
    ['/dev/disk/by-partlabel/EFI\\x20system', 1],
    ['/dev/disk/by-partuuid/6d69-02', 1],
    ['/dev/disk/by-id/ata-QEMU_HARDDISK_QM00001-part2', 1],
    ['/dev/disk/by-path/pci-0000:00:07.0-part1', 0],
    ['/dev/vg0/home', 2],
    ['/dev/mapper/vg0-home', 2],
    ['/dev/mapper/vg0-swap', undefined],
    ['/dev/sda1', 0],
    ['/dev/vda2', 1],
    ['/dev/nvme0n1p2', 1],
    ['/dev/mmcblk0p1', 0],
    ['/dev/sda9', undefined],
    ['/dev/sda', undefined],
    ['tmpfs', undefined],
    ['', undefined],
  ])('%s is section %s', (device, section) => {
    expect(matchDevice(device, all)?.section).toBe(section);
  });

  it('names of other disks mean nothing', () => {
    expect(matchDevice('/dev/sdb1', all, 'sda')).toBeUndefined();
    expect(matchDevice('/dev/sda1', all, 'sda')).toBe(root);
    expect(matchDevice('/dev/vda', [mountable(0, { partitionIndex: 'disk' })], 'vda')?.section).toBe(0);
  });

  it('takes kernel names apart', () => {
    expect(parseDiskName('/dev/sdaa12')).toEqual({ disk: 'sdaa', partition: 12 });
    expect(parseDiskName('/dev/nvme1n2p3')).toEqual({ disk: 'nvme1n2', partition: 3 });
    expect(parseDiskName('/dev/nvme0n1')).toEqual({ disk: 'nvme0n1', partition: null });
    expect(parseDiskName('/dev/mapper/sda1')).toBeUndefined();
  });
});

/** Whole filesystems, by section. */
const plan = (
  root: Mountable,
  ...rest: Parameters<typeof planMounts> extends [unknown, unknown, ...infer Rest] ? Rest : never
) => planMounts(root, root.entry, ...rest).map(({ mountPoint, section }) => ({ mountPoint, section }));

describe('the plan', () => {
  const root = mountable(0, { uuid: 'aa', partitionIndex: 2 });
  const boot = mountable(1, { uuid: 'bb', partitionIndex: 1 });
  const efi = mountable(2, {
    uuid: 'cc',
    partitionIndex: 3,
    partitionType: 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B',
  });
  const all = [root, boot, efi];

  it('mounts outer before inner, whatever the order of the lines', () => {
    const fstab = encode('UUID=cc /boot/efi vfat\nUUID=bb /boot ext4\nUUID=aa / ext4\nUUID=dd /data ext4\n');
    expect(plan(root, all, fstab, nowhere)).toEqual([
      { mountPoint: '/', section: 0 },
      { mountPoint: '/boot', section: 1 },
      { mountPoint: '/boot/efi', section: 2 },
    ]);
  });

  it('mounts nothing of a second disk', () => {
    const fstab = encode('/dev/sda2 / ext4\n/dev/sdb1 /data ext4\n');
    expect(plan(root, all, fstab, nowhere)).toEqual([{ mountPoint: '/', section: 0 }]);
    const byUuid = encode('UUID=aa / ext4\n/dev/sdb1 /data ext4\n');
    expect(plan(root, all, byUuid, nowhere)).toEqual([{ mountPoint: '/', section: 0 }]);
    const first = encode('UUID=aa / ext4\n/dev/sda1 /boot ext4\n');
    expect(plan(root, all, first, nowhere)).toContainEqual({ mountPoint: '/boot', section: 1 });
  });

  it('mounts each filesystem and each place once', () => {
    const fstab = encode('UUID=bb /a ext4\nUUID=bb /b ext4\nUUID=cc /a vfat\nUUID=aa /loop ext4\n');
    expect(plan(root, all, fstab, nowhere)).toEqual([
      { mountPoint: '/', section: 0 },
      { mountPoint: '/a', section: 1 },
    ]);
  });

  it('finds a place for well-known partition types, where an empty folder waits', () => {
    const at = (path: string) => plan(root, all, undefined, (folder) => folder === path);
    expect(at('/boot/efi')).toContainEqual({ mountPoint: '/boot/efi', section: 2 });
    expect(at('/efi')).toContainEqual({ mountPoint: '/efi', section: 2 });
    expect(at('/nowhere')).toEqual([{ mountPoint: '/', section: 0 }]);
  });

  it('knows a root that names itself', () => {
    expect(namesItselfRoot(root, root.entry, all, 'UUID=aa / ext4')).toBe(true);
    expect(namesItselfRoot(root, root.entry, all, 'UUID=bb / ext4')).toBe(false);
    expect(namesItselfRoot(root, root.entry, all, '/dev/vda2 / ext4')).toBe(true);
    expect(namesItselfRoot(root, root.entry, all, '')).toBe(false);
  });
});
