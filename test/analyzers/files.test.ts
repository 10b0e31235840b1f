import { describe, expect, test } from 'vitest';
import { analyzeDirectories } from '../../src/analyzers/directories.ts';
import { analyzeFiles } from '../../src/analyzers/files.ts';
import { analyzeKinds } from '../../src/analyzers/kinds.ts';
import { analyzePackages } from '../../src/analyzers/packages.ts';
import { analyzeTotals } from '../../src/analyzers/totals.ts';
import { fakeInspection } from './fake.ts';

const MiB = 1024 * 1024;

describe('packages and totals', () => {
  // b and c are one inode: 8192 bytes, owned by 'first' through its later link.
  const inspection = fakeInspection(
    [
      {
        mount: '/',
        files: [
          { path: '/usr/a', size: 100 },
          { path: '/usr/b', size: 5000, inode: 7 },
          { path: '/usr/c', size: 5000, inode: 7 },
          { path: '/usr/link', type: 'symlink', size: 3, allocated: 0 },
          { path: '/usr/own', size: 1 },
          { path: '/dev/null', type: 'character' },
        ],
      },
    ],
    [
      { name: 'first', paths: ['/usr', '/usr/c', '/usr/link'], provides: ['virtual'] },
      {
        name: 'second',
        paths: ['/usr', '/usr/a', '/usr/b'],
        requires: [['virtual'], ['gone', 'first']],
        installedSize: 12,
      },
      { name: 'third', requires: [['first'], ['second', 'virtual'], ['third']] },
      { name: 'removed', requires: [['first']], state: 'config-files' },
    ],
  );

  test('a hard-linked file counts once, at its first owner', () => {
    const list = analyzePackages(inspection).map(({ name, allocated, files }) => ({
      name,
      allocated,
      files,
    }));
    expect(list).toEqual([
      { name: 'first', allocated: 8192, files: 2 },
      { name: 'second', allocated: 4096, files: 2 },
      { name: 'removed', allocated: 0, files: 0 },
      { name: 'third', allocated: 0, files: 0 },
    ]);
  });

  test('requiredBy follows names, provided names and alternatives, not the package itself', () => {
    const byName = Object.fromEntries(analyzePackages(inspection).map((one) => [one.name, one.requiredBy]));
    expect(byName).toEqual({ first: ['second', 'third'], second: ['third'], third: [], removed: [] });
  });

  test('totals add up', () => {
    expect(analyzeTotals(inspection, [])).toEqual({
      files: 4, // a, b = c, own, null
      directories: 3,
      symlinks: 1,
      size: 100 + 5000 + 3 + 1,
      allocated: 4096 + 8192 + 4096,
      packaged: 8192 + 4096,
      unpackaged: 4096,
      reclaimable: 0,
    });
  });
});

describe('files', () => {
  test('largest first, ties by path, hard links once, with their package', () => {
    const inspection = fakeInspection(
      [
        {
          mount: '/',
          files: [
            { path: '/b', size: 10 },
            { path: '/a', size: 20 },
            { path: '/big', size: MiB, inode: 9 },
            { path: '/big2', size: MiB, inode: 9 },
          ],
        },
        { mount: '/boot', files: [{ path: '/vmlinuz', size: 2 * MiB }] },
      ],
      [{ name: 'linux', paths: ['/boot/vmlinuz'] }],
    );
    expect(analyzeFiles(inspection, 3)).toEqual([
      { path: '/boot/vmlinuz', filesystem: 1, size: 2 * MiB, allocated: 2 * MiB, links: 1, package: 'linux' },
      { path: '/big', filesystem: 0, size: MiB, allocated: MiB, links: 2, package: null },
      { path: '/a', filesystem: 0, size: 20, allocated: 4096, links: 1, package: null },
    ]);
    expect(analyzeFiles(inspection, 0)).toHaveLength(4);
  });
});

describe('directories', () => {
  const inspection = fakeInspection([
    {
      mount: '/',
      files: [
        { path: '/usr/lib/x86_64-linux-gnu/libLLVM.so', size: 100 * MiB },
        { path: '/usr/lib/modules/6.1/kernel/a.ko', size: 60 * MiB },
        { path: '/usr/lib/small', size: MiB },
        { path: '/usr/share/doc/x', size: 18 * MiB },
        { path: '/usr/share/man/y', size: 18 * MiB },
        { path: '/etc/passwd', size: 100 },
      ],
    },
  ]);

  test('a chain is named once, by where the bytes are', () => {
    expect(analyzeDirectories(inspection, 4).map((one) => one.path)).toEqual([
      '/usr/lib/x86_64-linux-gnu',
      '/usr/lib/modules/6.1/kernel',
      '/usr/share/doc',
      '/usr/share/man',
    ]);
  });

  test('a short list names the parents of what is too small to be named', () => {
    const list = analyzeDirectories(inspection, 3);
    expect(list.map((one) => [one.path, Math.round(one.exclusive / MiB)])).toEqual([
      ['/usr/lib/x86_64-linux-gnu', 100],
      ['/usr/lib/modules/6.1/kernel', 60],
      ['/usr/share', 36],
    ]);
  });

  test('top 0 lists all, cumulative as du counts', () => {
    const list = analyzeDirectories(inspection, 0);
    // By hand: 11 directories; / holds 197 MiB of big files, one block of passwd and eleven of directories.
    expect(list).toHaveLength(11);
    expect(list[0]).toMatchObject({
      path: '/',
      allocated: 197 * MiB + 12 * 4096,
      files: 6,
      size: 197 * MiB + 100,
    });
    expect(list[1]).toMatchObject({ path: '/usr', allocated: 197 * MiB + 9 * 4096 });
    expect(list.reduce((sum, one) => sum + one.exclusive, 0)).toBe(list[0]!.allocated);
  });

  test('never more than asked for', () => {
    for (let top = 1; top <= 14; top++)
      expect(analyzeDirectories(inspection, top).length).toBeLessThanOrEqual(top);
  });
});

describe('kinds', () => {
  const inspection = fakeInspection([
    {
      mount: '/',
      files: [
        { path: '/usr/share/doc/pkg/example.py', size: 1 },
        { path: '/usr/lib/python3/dist-packages/a.py', size: 1 },
        { path: '/usr/lib/python3/dist-packages/__pycache__/a.cpython-311.pyc', size: 1 },
        { path: '/usr/lib/x86_64-linux-gnu/libc.so.6', size: 1 },
        { path: '/usr/lib/x86_64-linux-gnu/libz.so.1.2.13', size: 1 },
        { path: '/usr/lib/modules/6.1/kernel/fs/xfs/xfs.ko', size: 1 },
        { path: '/lib/firmware/x.bin', size: 1 },
        { path: '/usr/bin/ls', size: 1, mode: 0o755 },
        { path: '/usr/bin/link', type: 'symlink' },
        { path: '/var/lib/dpkg/status', size: 1 },
        { path: '/var/lib/apt/lists/x', size: 1 },
        { path: '/home/user/.bashrc', size: 1 },
        { path: '/swapfile', size: 1 },
        { path: '/constructor/toString', size: 1 },
        { path: '/dev/console', type: 'character' },
      ],
    },
    { mount: '/boot', files: [{ path: '/vmlinuz-6.1', size: 1 }] },
    { mount: '/var/log', files: [{ path: '/syslog', size: 1 }] },
  ]);

  test('every file has one kind, by place first, then by name and mode', () => {
    const kinds = Object.fromEntries(analyzeKinds(inspection).map((one) => [one.kind, one.files]));
    expect(kinds).toEqual({
      documentation: 1,
      'python modules': 1,
      'python bytecode': 1,
      'shared libraries': 2,
      'kernel modules': 1,
      firmware: 1,
      programs: 1,
      'symbolic links': 1,
      'package database': 1,
      'package indexes': 1,
      'home directories': 1,
      'swap files': 1,
      other: 1,
      'devices, pipes and sockets': 1,
      'kernels and boot files': 1,
      logs: 1,
    });
  });

  test('kinds add up to the total', () => {
    const sum = analyzeKinds(inspection).reduce((total, one) => total + one.allocated, 0);
    expect(sum).toBe(analyzeTotals(inspection, []).allocated);
  });
});

describe('kinds of a Windows volume', () => {
  const made = fakeInspection([
    {
      mount: '/',
      files: [
        { path: '/pagefile.sys', size: 1, mode: 0o755 },
        { path: '/hiberfil.sys', size: 1, mode: 0o755 },
        { path: '/Windows/explorer.exe', size: 1, mode: 0o755 },
        { path: '/Windows/System32/KERNEL32.DLL', size: 1, mode: 0o755 },
        { path: '/Windows/System32/drivers/ntfs.sys', size: 1, mode: 0o755 },
        { path: '/Windows/System32/drivers/etc/hosts', size: 1, mode: 0o755 },
        { path: '/Windows/system32/winevt/Logs/System', size: 1, mode: 0o755 },
        { path: '/WINDOWS/TEMP/setup.exe', size: 1, mode: 0o755 },
        { path: '/Users/me/script.py', size: 1, mode: 0o755 },
        { path: '/data/no-extension', size: 1, mode: 0o755 },
      ],
    },
  ]);
  const kindsOn = (type: string): Record<string, number> => {
    const [volume] = made.filesystems;
    const inspection = { ...made, filesystems: [{ ...volume!, type, mounts: [], mountPoint: null }] };
    return Object.fromEntries(analyzeKinds(inspection).map(({ kind, files }) => [kind, files]));
  };

  test('go by the places of Windows whatever their case, by name, and never by mode', () => {
    expect(kindsOn('ntfs')).toEqual({
      'swap files': 2,
      programs: 1,
      'shared libraries': 1,
      'kernel modules': 2,
      logs: 1,
      'temporary files': 1,
      'home directories': 1,
      other: 1,
    });
  });

  test('on FAT by name alone', () => {
    expect(kindsOn('vfat')).toMatchObject({ programs: 2, 'shared libraries': 1, 'python modules': 1 });
    expect(kindsOn('vfat')).toMatchObject({ 'swap files': 2, 'kernel modules': 1, other: 3 });
  });
});
