import { describe, expect, test } from 'vitest';
import { pathInTree, type SizeTree, treeOfInspection, treeOfReport } from '../../src/analyzers/size-tree.ts';
import type { Report } from '../../src/core/contracts/report.ts';
import { sampleReport } from '../reporters/sample.ts';
import { fakeInspection } from './fake.ts';

const BLOCK = 4096;
const nodeAt = (tree: SizeTree, path: string): number => {
  for (let node = 0; node < tree.count; node++) if (pathInTree(tree, node) === path) return node;
  throw new Error(`${path} is not there`);
};
const sums = (tree: SizeTree, path: string): number[] => {
  const node = nodeAt(tree, path);
  return [tree.allocated[node]!, tree.size[node]!, tree.files[node]!];
};

describe('of an inspection', () => {
  const tree = treeOfInspection(
    fakeInspection([
      {
        mount: '/',
        files: [
          { path: '/one', size: 5000, inode: 7 },
          { path: '/links/two', size: 5000, inode: 7 },
          { path: '/sh', type: 'symlink', size: 4, allocated: 0 },
          { path: '/boot/hidden', size: 3 },
          { path: '/var/empty', type: 'directory' },
        ],
      },
      { mount: '/boot', files: [{ path: '/vmlinuz', size: 9000 }] },
      { mount: '/srv/data', files: [{ path: '/x', size: 1 }] },
    ]),
  );

  test('sums flow upward, hard links once, links to nothing have no blocks', () => {
    expect(sums(tree, '/one')).toEqual([2 * BLOCK, 5000, 1]);
    expect(sums(tree, '/links')).toEqual([BLOCK, 0, 0]);
    expect(sums(tree, '/sh')).toEqual([0, 4, 0]);
    expect(sums(tree, '/var')).toEqual([2 * BLOCK, 0, 0]);
    // Root directory, /one, /links, /var, /var/empty; /boot with its kernel and what it hides; /srv/data with x.
    expect(sums(tree, '/')).toEqual([
      (1 + 2 + 1 + 1 + 1 + 1 + 3 + 2 + 2) * BLOCK,
      5000 + 4 + 9000 + 3 + 1,
      4,
    ]);
  });

  test('filesystems stand at their mount points, with what they hide', () => {
    expect(sums(tree, '/boot')).toEqual([(1 + 3 + 2) * BLOCK, 9003, 2]);
    expect(sums(tree, '/boot/[hidden below the mount]')).toEqual([2 * BLOCK, 3, 1]);
    expect(sums(tree, '/srv/data/x')).toEqual([BLOCK, 1, 1]);
    expect(sums(tree, '/srv')).toEqual([2 * BLOCK, 1, 1]);
  });

  test('children are contiguous and know their parent', () => {
    for (let node = 0; node < tree.count; node++) {
      for (let i = 0; i < tree.childCount[node]!; i++) {
        expect(tree.parent[tree.firstChild[node]! + i]).toBe(node);
      }
    }
    expect(tree.parent[0]).toBe(-1);
  });
});

describe('of a saved report', () => {
  const filesystem = sampleReport.filesystems[0]!;
  const directory = (path: string, filesystemIndex: number, allocated: number) => ({
    path,
    filesystem: filesystemIndex,
    size: allocated,
    allocated,
    files: 1,
    exclusive: 0,
    unpackaged: 0,
  });
  const file = (path: string, filesystemIndex: number, allocated: number) => ({
    path,
    filesystem: filesystemIndex,
    size: allocated,
    allocated,
    links: 1,
    package: null,
  });
  const report: Report = {
    ...sampleReport,
    filesystems: [
      filesystem,
      { ...filesystem, index: 1, mountPoint: '/boot' },
      { ...filesystem, index: 2, mountPoint: null, label: 'a/b' },
    ],
    directories: [directory('/usr', 0, 500), directory('/usr/lib', 0, 300), directory('/boot', 1, 70)],
    files: [
      file('/usr/lib/libc.so', 0, 100),
      file('/opt/tool/bin', 0, 40),
      file('/boot/vmlinuz', 1, 60),
      file('/x', 2, 9),
    ],
    totals: { ...sampleReport.totals, allocated: 1000 },
  };
  const tree = treeOfReport(report);

  test('says what the lists say, and the sum of what it knows in between', () => {
    const allocated = (path: string): number => tree.allocated[nodeAt(tree, path)]!;
    expect(allocated('/usr')).toBe(500);
    expect(allocated('/usr/lib/libc.so')).toBe(100);
    expect(allocated('/opt')).toBe(40);
    expect(allocated('/boot')).toBe(70);
    expect(allocated('/')).toBe(1000);
    expect(tree.isComplete).toBe(false);
    expect(tree.directory[nodeAt(tree, '/opt/tool/bin')]).toBe(0);
  });

  test('a filesystem that is mounted nowhere stands apart', () => {
    expect(tree.allocated[nodeAt(tree, '/[filesystem 2 a_b]/x')]).toBe(9);
  });

  test('of a report without files it is one node', () => {
    const { count, allocated } = treeOfReport({ ...report, directories: [], files: [] });
    expect([count, allocated[0]]).toEqual([1, 1000]);
  });
});
