/**
 * A disk as openSUSE lays one out, against what the guest itself saw: everything mounted by its fstab, with find and
 * sha256sum; btrfs-progs' list and quota groups; the packages that rpm has of the same headers.
 */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createReport } from '../../src/analyzers/report.ts';
import { pathInTree, treeOfInspection } from '../../src/analyzers/size-tree.ts';
import { DiagnosticLog, RunContext } from '../../src/core/context.ts';
import type { Inspection } from '../../src/core/contracts/inspection.ts';
import type { MeasuredReport } from '../../src/core/contracts/report.ts';
import { inspect } from '../../src/inspect/inspect.ts';
import { reportSchema } from '../../src/manifests/report-schema.ts';
import { createRegistry } from '../../src/registry.ts';
import { ncduReporter } from '../../src/reporters/ncdu.ts';
import { plainOptions, rendered } from '../reporters/sample.ts';
import { typeLetter } from '../support/btrfs.ts';
import { madePackages } from '../support/rpm-made.ts';
import { SUSE_PATH, suseExpected } from '../support/suse.ts';
import { contentOf } from '../support/volumes.ts';

const expected = suseExpected();
/** Of what is in a snapshot, which find meets below /.snapshots. */
const isInSnapshot = (path: string): boolean => /^\/\.snapshots\/\d+\/snapshot(?:\/|$)/.test(path);

describe('a disk of openSUSE', () => {
  let image: Inspection;
  let report: MeasuredReport;
  /** Paths as they are printed, without the directories that mounts cover. */
  let entries: Map<string, number>;

  beforeAll(async () => {
    const log = new DiagnosticLog();
    image = await inspect(SUSE_PATH, new RunContext({ log, threads: 2 }), { drivers: createRegistry() });
    report = await createReport(image, { top: 0, version: '0' });
    entries = new Map();
    for (let entry = 0; entry < image.table.count; entry++) {
      const path = image.pathOf(entry);
      if (!entries.has(path) || image.table.parent[entry]! < 0) entries.set(path, entry);
    }
  });
  afterAll(() => image.close());

  it('is read completely, without a word of warning', () => {
    expect(image.diagnostics).toEqual([]);
    expect(image.os).toMatchObject({ id: 'opensuse-leap', versionId: '15.6' });
  });

  it('is mounted as the guest mounted it', () => {
    const ours = image.filesystems.flatMap(({ type, mounts, subvolumes }) =>
      mounts.map(({ mountPoint, entry }) => {
        const subvolume = subvolumes.find((one) => one.entry === entry);
        return { mountPoint, type, subvolume: subvolume === undefined ? null : `/${subvolume.path}` };
      }),
    );
    const byPlace = (a: { mountPoint: string }, b: { mountPoint: string }) =>
      a.mountPoint < b.mountPoint ? -1 : 1;
    expect(ours.sort(byPlace)).toEqual([...expected.guest.mounts].sort(byPlace));
  });

  it('has every path that find has in the guest, with its type, size and blocks', () => {
    const { table } = image;
    const ours = [...entries]
      .filter(([path]) => !path.startsWith('/[filesystem '))
      .map(([path, entry]) => [
        path,
        typeLetter(table.type[entry]!),
        table.size[entry],
        table.allocated[entry]! / 512,
        table.links[entry],
      ]);
    // The root of a FAT filesystem has no size of its own; Linux gives it and its directories one cluster.
    const isFatDirectory = (path: string, type: string) => path.startsWith('/boot/efi') && type === 'd';
    const theirs = expected.guest.entries.map(({ path, type, size, blocks, links }) => [
      `/${path}`,
      type,
      size,
      blocks,
      links,
    ]);
    const plain = (list: readonly unknown[][]) =>
      list
        .filter(([path, type]) => !isFatDirectory(path as string, type as string))
        .sort((a, b) => ((a[0] as string) < (b[0] as string) ? -1 : 1));
    expect(plain(ours)).toEqual(plain(theirs));
    // What is mounted nowhere has a place of its own: the top level, `@`, and the directories in it.
    const rest = [...entries.keys()].filter((path) => path.startsWith('/[filesystem 1]/@/'));
    expect(rest.sort()).toEqual(['boot', 'boot/grub2', 'usr'].map((path) => `/[filesystem 1]/@/${path}`));
  });

  it('has every content', async () => {
    const sums: Record<string, string> = {};
    for (const path of Object.keys(expected.guest.sums)) {
      const entry = entries.get(`/${path}`)!;
      const source = await image.filesystems[image.filesystemOf(entry)]!.filesystem!.open(
        image.table.inode[entry]!,
      );
      sums[path] = createHash('sha256')
        .update(await contentOf(source))
        .digest('hex');
    }
    expect(sums).toEqual(expected.guest.sums);
  });

  it('has the packages of the NDB, with the files that the root has of them', () => {
    const key = (one: { name: string; version: string }) => `${one.name} ${one.version}`;
    expect(image.packages.map(key).sort()).toEqual(
      madePackages()
        .map((one) => `${one.name} ${one.epoch === null ? '' : `${one.epoch}:`}${one.version}-${one.release}`)
        .sort(),
    );
    const shell = image.packages.find(({ name }) => name === 'shell')!;
    expect([...shell.entries].map((entry) => image.pathOf(entry))).toContain('/usr/bin/shell');
    for (const { entries: owned } of image.packages) {
      for (const entry of owned) expect(isInSnapshot(image.pathOf(entry))).toBe(false);
    }
  });

  it('tells of subvolumes what btrfs-progs and quota groups tell', () => {
    const listed = report.filesystems[1]!.subvolumes!;
    expect(listed[0]).toMatchObject({ id: 5, path: '', isSnapshot: false });
    expect(listed.slice(1).map(({ id, path, uuid, isReadOnly }) => ({ id, path, uuid, isReadOnly }))).toEqual(
      expected.subvolumes.map(({ id, path, uuid, isReadOnly }) => ({ id, path, uuid, isReadOnly })),
    );
    expect(listed.filter(({ isDefault }) => isDefault).map(({ id }) => id)).toEqual([expected.default]);
    const ids = new Map(expected.subvolumes.map(({ uuid, id }) => [uuid, id]));
    expect(listed.slice(1).map(({ isSnapshot, parent }) => [isSnapshot, parent])).toEqual(
      expected.subvolumes.map(({ parentUuid }) => [
        parentUuid !== null,
        parentUuid === null ? null : ids.get(parentUuid),
      ]),
    );
    for (const { id, referenced, exclusive } of listed) {
      expect({ id, referenced, exclusive }).toEqual({
        id,
        referenced: expected.quotas![id]!.referenced,
        exclusive: expected.quotas![id]!.exclusive,
      });
    }
  });

  it('counts what the guest has once, and snapshots by what they hold alone', () => {
    const live = expected.guest.entries.filter(({ path }) => !isInSnapshot(`/${path}`));
    const files = live.filter(({ type }) => type === 'f');
    expect(report.totals.files).toBe(files.length);
    expect(report.totals.allocated).toBe(
      live.reduce((sum, { type, blocks }) => sum + (type === 'd' ? 0 : blocks * 512), 0),
    );
    expect(report.files.filter(({ path }) => isInSnapshot(path))).toEqual([]);
    expect(report.directories.filter(({ path }) => isInSnapshot(path))).toEqual([]);
    // The second snapshot has nothing that the root has not: it was taken after the last change.
    const { snapshotBytes } = report.filesystems[1]!;
    expect(snapshotBytes).toBe(expected.quotas![267]!.exclusive);
    const tree = treeOfInspection(image);
    const nodes = new Map(Array.from({ length: tree.count }, (_, node) => [pathInTree(tree, node), node]));
    expect(tree.allocated[nodes.get('/.snapshots/2/snapshot')!]).toBe(expected.quotas![267]!.exclusive);
    expect(nodes.has('/.snapshots/1/snapshot')).toBe(false);
    const { allocated } = report.artifact;
    expect(Object.values(report.books).reduce((sum, { bytes }) => sum + bytes, 0)).toBe(allocated);
    expect(reportSchema.safeParse(report).error).toBeUndefined();
  });

  it('is one tree for ncdu, with devices as stat(2) has them', () => {
    type Info = { name: string; dsize?: number; dev?: number };
    type Directory = [Info, ...(Info | Directory)[]];
    const text = rendered(ncduReporter.render(report, { ...plainOptions, inspection: image }));
    const [, , , root] = JSON.parse(text) as [number, number, object, Directory];
    const devices = new Map<string, number>();
    const walk = (item: Info | Directory, above: string): number => {
      const [info, ...inner] = Array.isArray(item) ? item : [item];
      const path = above === '' ? '/' : `${above === '/' ? '' : above}/${info.name}`;
      if (info.dev !== undefined) devices.set(path, info.dev);
      return inner.reduce((sum, one) => sum + walk(one, path), info.dsize ?? 0);
    };
    const tree = treeOfInspection(image);
    expect(walk(root, '')).toBe(tree.allocated[0]);
    // Every mount and every snapshot has its own; what is left of the top level stands apart.
    const places = [
      ...expected.guest.mounts.map(({ mountPoint }) => mountPoint),
      '/.snapshots/2/snapshot',
      '/.snapshots/3/snapshot',
      '/[filesystem 1]',
    ];
    expect([...devices.keys()].sort()).toEqual(places.sort());
    expect(new Set(devices.values()).size).toBe(places.length);
  });
});
