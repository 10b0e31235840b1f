/**
 * A full Debian system (bench/make-debian.sh; `IMGOPT_BENCH_DATA` names its folder) on btrfs as mkfs.btrfs --rootdir
 * makes it: every path, attribute and allocated size against `dump-tree`, every content and target against the tree that
 * went in, unused extents against the extent tree's listing, the report's sums. Needs 5 GB in the temporary folder.
 */
import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Report } from '../../src/core/contracts/report.ts';
import { typeOfMode } from '../../src/disk/filesystems/mode.ts';
import { openFileSource } from '../../src/sources/file.ts';
import { openBtrfs } from '../support/btrfs.ts';
import { btrfsCheck, btrfsSpace, btrfsSuper, btrfsTree } from '../support/btrfsprogs.ts';
import { imgopt } from '../support/cli.ts';
import { temporaryFolder } from '../support/temp.ts';
import { describeWithTools } from '../support/tools.ts';
import { latin1Path } from '../support/xfs.ts';
import { DebianTree, debianTar } from './debian-images.ts';

const VARIANTS: readonly (readonly [string, readonly string[]])[] = [
  ['by default', []],
  ['nodes of 4 KiB, single, xxhash64', ['-n', '4096', '-m', 'single', '--csum', 'xxhash']],
];

/** What find says of an entry, on the tree that went in. */
interface Origin {
  readonly type: string;
  readonly mode: number;
  readonly owner: string;
  readonly size: number;
  readonly target: string;
}

describeWithTools(['mkfs.btrfs', 'btrfs', 'tar', 'find'], 'a full Debian system on btrfs', () => {
  const folder = temporaryFolder();
  const image = join(folder, 'root.btrfs');
  const wanted = new Map<string, Origin>();
  let tree: DebianTree | undefined;

  async function prepare(): Promise<DebianTree> {
    if (tree !== undefined) return tree;
    tree = DebianTree.extract(await debianTar(), folder);
    const listing = tree.run('find', [
      tree.path,
      '-mindepth',
      '1',
      '-printf',
      '%P\\0%y\\0%m\\0%U:%G\\0%s\\0%l\\0',
    ]);
    const fields = listing.toString('latin1').split('\0');
    for (let i = 0; i + 6 <= fields.length; i += 6) {
      const [path, type, mode, owner, size, target] = fields.slice(i, i + 6) as string[];
      wanted.set(`/${path}`, {
        type: type!,
        mode: Number.parseInt(mode!, 8),
        owner: owner!,
        size: Number(size),
        target: target!,
      });
    }
    expect(wanted.size).toBeGreaterThan(30_000);
    return tree;
  }

  test.each(VARIANTS)('%s', async (name, args) => {
    const { path: host, run } = await prepare();
    rmSync(image, { force: true });
    writeFileSync(image, '');
    truncateSync(image, 3 * 2 ** 30);
    run.call(tree, 'mkfs.btrfs', ['-q', '-f', '-L', 'root', ...args, '--rootdir', host, image]);
    btrfsCheck(image);
    const source = await openFileSource(image);
    const { filesystem, table, log } = await openBtrfs(source);
    expect(log.list()).toEqual([]);
    const sb = btrfsSuper(image);
    const { inodes, paths } = btrfsTree(image, '5');
    expect([...paths.keys()].sort()).toEqual(['/', ...wanted.keys()].sort());
    const failures: string[] = [];
    const same = (path: string, what: string, ours: unknown, theirs: unknown): void => {
      if (ours !== theirs && failures.length < 20) failures.push(`${path}: ${what} ${ours}, not ${theirs}`);
    };
    let bytes = 0;
    expect(table.count).toBe(paths.size);
    for (let entry = 0; entry < table.count; entry++) {
      const path = latin1Path(table, entry);
      const inode = table.inode[entry]!;
      const one = inodes.get(inode);
      if (one === undefined || paths.get(path) !== inode) {
        failures.push(`${path}: not there`);
        continue;
      }
      same(path, 'type', table.type[entry], typeOfMode(one.mode));
      same(path, 'mode', table.mode[entry], one.mode & 0o7777);
      same(path, 'owner', `${table.uid[entry]}:${table.gid[entry]}`, `${one.uid}:${one.gid}`);
      same(path, 'links', table.links[entry], one.links);
      same(path, 'size', table.size[entry], one.size);
      same(path, 'allocated', table.allocated[entry], Math.ceil(one.nbytes / sb.sectorSize) * sb.sectorSize);
      same(path, 'modified', table.modified[entry], one.modified);
      const origin = wanted.get(path);
      if (origin === undefined) continue;
      same(path, "the tree's mode", table.mode[entry], origin.mode);
      same(path, "the tree's owner", `${table.uid[entry]}:${table.gid[entry]}`, origin.owner);
      if (origin.type === 'l') {
        same(path, 'target', Buffer.from(await filesystem.readLink(inode)).toString('latin1'), origin.target);
      }
      if (origin.type !== 'f') continue;
      same(path, "the tree's size", table.size[entry], origin.size);
      const file = await filesystem.open(inode);
      const content = new Uint8Array(file.size);
      await file.read(content, 0);
      const isSame = readFileSync(Buffer.from(`${host}${path}`, 'latin1')).equals(content);
      same(path, 'content', isSame, true);
      bytes += content.length;
    }
    expect(failures).toEqual([]);
    const space = btrfsSpace(image);
    const unused = await filesystem.unusedExtents();
    expect([...unused]).toEqual(space.unused);
    const metadata = await filesystem.metadataExtents();
    expect(filesystem.size - unused.total - metadata.total).toBe(space.data);
    await source.close();

    const { code, stdout } = await imgopt(['analyze', image, '--json']);
    expect(code).toBe(0);
    const report = JSON.parse(stdout) as Report;
    expect(report.filesystems).toMatchObject([{ type: 'btrfs', label: 'root', mountPoint: '/' }]);
    expect(report.diagnostics).toEqual([]);
    expect(report.packages.length).toBeGreaterThan(200);
    process.stdout.write(
      `${name}: ${table.count} entries, ${bytes} bytes of content, ${unused.total} unused in ${unused.count} extents, ${report.packages.length} packages\n`,
    );
  });
});
