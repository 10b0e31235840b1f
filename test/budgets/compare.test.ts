import { describe, expect, test } from 'vitest';
import { compareSnapshots, isDifferent } from '../../src/budgets/compare.ts';
import { snapshotOf } from '../../src/budgets/snapshot.ts';
import { compareNumbers, shapeOfName, shapeOfPath } from '../../src/budgets/versions.ts';
import { type Made, MiB, madeManifest, madeReport } from './made.ts';

const snapshot = (made: Made) => snapshotOf(madeReport(made), 'x', 'report');
const compare = (before: Made, after: Made) => compareSnapshots(snapshot(before), snapshot(after));

describe('packages', () => {
  test('added, removed, grown, shrunk and upgraded, by the size of the change', () => {
    const { packages } = compare(
      {
        packages: [
          { name: 'same', size: 5 * MiB },
          { name: 'grown', size: MiB },
          { name: 'shrunk', size: 9 * MiB },
          { name: 'gone', size: 3 * MiB },
          { name: 'bash', version: '5.1', size: 4 * MiB },
        ],
      },
      {
        packages: [
          { name: 'same', size: 5 * MiB },
          { name: 'grown', size: 8 * MiB },
          { name: 'shrunk', size: 8 * MiB },
          { name: 'new', size: 4 * MiB },
          { name: 'bash', version: '5.2', size: 6 * MiB },
        ],
      },
    );
    expect(packages.map(({ name, status, delta }) => [name, status, delta])).toEqual([
      ['grown', 'grown', 7 * MiB],
      ['new', 'added', 4 * MiB],
      ['gone', 'removed', -3 * MiB],
      ['bash', 'upgraded', 2 * MiB],
      ['shrunk', 'shrunk', -MiB],
    ]);
  });

  test('a package whose name holds its version is one line: bento’s llvm37 and llvm39', () => {
    const { packages } = compare(
      { packages: [{ name: 'llvm37', version: '3.7.1', size: 168 * MiB, manager: 'pkg' }] },
      { packages: [{ name: 'llvm39', version: '3.9.0', size: 1198 * MiB, manager: 'pkg' }] },
    );
    expect(packages).toHaveLength(1);
    expect(packages[0]).toMatchObject({
      name: 'llvm39',
      oldName: 'llvm37',
      status: 'upgraded',
      delta: 1030 * MiB,
      oldVersion: '3.7.1',
      version: '3.9.0',
    });
  });

  test('two kernels where one stays: the new one is paired with the one that went', () => {
    const kernel = (abi: string) => ({ name: `linux-image-6.1.0-${abi}-amd64`, size: 400 * MiB });
    const { packages } = compare(
      { packages: [kernel('9'), kernel('17')] },
      { packages: [kernel('17'), kernel('18')] },
    );
    expect(packages.map(({ name, oldName, delta }) => [name, oldName, delta])).toEqual([
      ['linux-image-6.1.0-18-amd64', 'linux-image-6.1.0-9-amd64', 0],
    ]);
  });

  test('several versions side by side, as rpm keeps kernels: equal ones first', () => {
    const core = (version: string) => ({ name: 'kernel-core', version, size: 100 * MiB, manager: 'rpm' });
    const { packages } = compare(
      { packages: [core('5.14-1'), core('5.14-2')] },
      { packages: [core('5.14-2')] },
    );
    expect(packages.map(({ status, oldVersion }) => [status, oldVersion])).toEqual([['removed', '5.14-1']]);
  });

  test('the same name for two architectures or managers is two packages', () => {
    const { packages } = compare(
      {
        packages: [
          { name: 'six', manager: 'dpkg' },
          { name: 'libc6', architecture: 'amd64' },
        ],
      },
      {
        packages: [
          { name: 'six', manager: 'dpkg' },
          { name: 'six', manager: 'python', architecture: null },
          { name: 'libc6', architecture: 'amd64' },
          { name: 'libc6', architecture: 'i386' },
        ],
      },
    );
    expect(
      packages.map(({ name, manager, architecture, status }) => [name, manager, architecture, status]),
    ).toEqual([
      ['libc6', 'dpkg', 'i386', 'added'],
      ['six', 'python', null, 'added'],
    ]);
  });

  test('an image and a manifest are compared by what the databases declare', () => {
    const image = snapshotOf(
      madeReport({ packages: [{ name: 'a', size: 7 * MiB, declared: 5 * MiB }] }),
      'i',
      'image',
    );
    const list = snapshotOf(
      madeManifest([
        { name: 'a', declared: 6 * MiB },
        { name: 'b', declared: null },
      ]),
      'm',
      'manifest',
    );
    const { packages, notes, totals } = compareSnapshots(image, list);
    expect(packages.map(({ name, status, delta }) => [name, status, delta])).toEqual([
      ['a', 'grown', MiB],
      ['b', 'added', null],
    ]);
    expect(notes).toContain('sizes of packages are those that the databases declare');
    expect(totals.find((one) => one.name === 'fileSize')).toMatchObject({ after: null, delta: null });
  });
});

describe('files and directories', () => {
  test('a kernel upgrade is one line for each file and directory, not two', () => {
    const kernel = (version: string, size: number) => ({
      [`/boot/vmlinuz-${version}`]: 8 * MiB,
      [`/boot/initrd.img-${version}`]: size,
      [`/lib/modules/${version}/kernel/fs/ext4/ext4.ko`]: MiB,
    });
    const { files, directories } = compare(
      { files: kernel('6.1.0-18-amd64', 40 * MiB) },
      { files: kernel('6.1.0-21-amd64', 45 * MiB) },
    );
    expect(files.map(({ name, oldName, status, delta }) => [name, oldName, status, delta])).toEqual(
      [
        ['/boot/initrd.img-6.1.0-21-amd64', '/boot/initrd.img-6.1.0-18-amd64', 'renamed', 5 * MiB],
        [
          '/lib/modules/6.1.0-21-amd64/kernel/fs/ext4/ext4.ko',
          '/lib/modules/6.1.0-18-amd64/kernel/fs/ext4/ext4.ko',
          'renamed',
          0,
        ],
        ['/boot/vmlinuz-6.1.0-21-amd64', '/boot/vmlinuz-6.1.0-18-amd64', 'renamed', 0],
      ].sort((a, b) => Number(b[3]) - Number(a[3]) || (a[0]! < b[0]! ? -1 : 1)),
    );
    expect(directories.filter((one) => one.delta !== 0).map((one) => [one.name, one.delta])).toEqual([
      ['/boot', 5 * MiB],
    ]);
  });

  test('libraries with another soname are renamed; rotated logs are not', () => {
    const { files } = compare(
      {
        files: {
          '/usr/lib/libLLVM-14.so.1': 100 * MiB,
          '/usr/lib/libfoo.so.1.2.3': MiB,
          '/var/log/syslog.1': 5 * MiB,
        },
      },
      {
        files: {
          '/usr/lib/libLLVM-15.so.1': 120 * MiB,
          '/usr/lib/libfoo.so.1.3.0': MiB,
          '/var/log/syslog.2': 5 * MiB,
        },
      },
    );
    expect(files.map(({ name, status, delta }) => [name, status, delta])).toEqual([
      ['/usr/lib/libLLVM-15.so.1', 'renamed', 20 * MiB],
      ['/var/log/syslog.1', 'removed', -5 * MiB],
      ['/var/log/syslog.2', 'added', 5 * MiB],
      ['/usr/lib/libfoo.so.1.3.0', 'renamed', 0],
    ]);
  });

  test('a directory is named where the bytes are, not at every level above', () => {
    const { directories } = compare(
      { files: { '/usr/lib/a': MiB, '/opt/x': MiB } },
      { files: { '/usr/lib/a': MiB, '/usr/lib/gcc/cc1': 30 * MiB, '/opt/x': 3 * MiB } },
    );
    expect(directories.map((one) => [one.name, one.status, one.delta])).toEqual([
      ['/usr/lib/gcc', 'added', 30 * MiB],
      ['/opt', 'grown', 2 * MiB],
    ]);
  });

  test('what a cut list does not hold is not called new', () => {
    const before = { files: { '/a': 10 * MiB, '/b': 8 * MiB, '/c': 3 * MiB }, top: 2 };
    const after = { files: { '/a': 10 * MiB, '/b': 8 * MiB, '/c': 5 * MiB, '/d': 20 * MiB } };
    // /c may have been there with up to 8 MiB; /d was smaller than 8 MiB, or not there.
    expect(compare(before, after).files).toEqual([
      {
        name: '/d',
        oldName: null,
        status: 'grown',
        before: null,
        after: 20 * MiB,
        delta: 12 * MiB,
        atLeast: true,
      },
    ]);
  });
});

describe('a comparison', () => {
  test('of the same report differs in nothing', () => {
    const made = {
      packages: [{ name: 'a' }],
      files: { '/a/b': MiB, '/c': 2 * MiB },
      kinds: { programs: MiB },
      suggestions: [['apt-lists', 'Package lists', MiB]] as const,
    };
    const comparison = compare(made, made);
    expect(isDifferent(comparison)).toBe(false);
    expect(comparison.totals.every((one) => one.delta === 0)).toBe(true);
  });

  test('names suggestions that appeared and were solved', () => {
    const { suggestions } = compare(
      {
        suggestions: [
          ['apt-lists', 'Package lists', 40 * MiB],
          ['logs', 'Logs', MiB],
        ],
      },
      {
        suggestions: [
          ['logs', 'Logs', 3 * MiB],
          ['core-dumps', 'Core dumps', 9 * MiB],
        ],
      },
    );
    expect(suggestions.map(({ name, status, delta }) => [name, status, delta])).toEqual([
      ['apt-lists: Package lists', 'removed', -40 * MiB],
      ['core-dumps: Core dumps', 'added', 9 * MiB],
      ['logs: Logs', 'grown', 2 * MiB],
    ]);
  });

  test('tells totals of both sides', () => {
    const { totals } = compare({ fileSize: 100 * MiB, stale: MiB }, { fileSize: 130 * MiB, stale: MiB });
    expect(totals.find((one) => one.name === 'fileSize')).toEqual({
      name: 'fileSize',
      before: 100 * MiB,
      after: 130 * MiB,
      delta: 30 * MiB,
    });
  });

  test('of different formats says that the files’ sizes say little', () => {
    expect(compare({ format: 'qcow2' }, { format: 'vmdk' }).notes[0]).toMatch(
      /formats differ \(qcow2, vmdk\)/,
    );
  });

  test('of a hostile number of changed directories stays short', () => {
    const many = Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`/d${i}/e/f/g`, i + 1]));
    const { directories } = compare({ files: {} }, { files: many });
    expect(directories.length).toBeGreaterThan(0);
    expect(directories.length).toBeLessThanOrEqual(200);
  });
});

describe('shapes', () => {
  test.each([
    ['linux-image-6.1.0-18-amd64', 'linux-image-6.1.0-21-amd64'],
    ['gcc-12-base', 'gcc-13-base'],
    ['python3.11-minimal', 'python3.12-minimal'],
    ['libssl1.1', 'libssl3'],
  ])('%s and %s are one package', (a, b) => {
    expect(shapeOfName(a)).toBe(shapeOfName(b));
  });

  test.each([
    ['libc6', 'libgcc6'],
    ['gcc-12', 'g++-12'],
  ])('%s and %s are two', (a, b) => {
    expect(shapeOfName(a)).not.toBe(shapeOfName(b));
  });

  test.each(['/var/log/syslog.1', '/etc/rc3.d', '/usr/share/man/man1/ls.1.gz', '/home/me/photo1.jpg'])(
    '%s holds no version',
    (path) => {
      expect(shapeOfPath(path)).toBeUndefined();
    },
  );

  test('numbers are compared as numbers, however long', () => {
    const names = ['k-6.1.0-18', 'k-6.1.0-9', 'k-6.10.0-1', 'k-6.9.0-1', `k-6.9.0-${'9'.repeat(40)}`];
    expect(names.sort(compareNumbers)).toEqual([
      'k-6.1.0-9',
      'k-6.1.0-18',
      'k-6.9.0-1',
      `k-6.9.0-${'9'.repeat(40)}`,
      'k-6.10.0-1',
    ]);
  });
});
