/**
 * A full Debian system (bench/make-debian.sh; `IMGOPT_BENCH_DATA` names its folder) on XFS as mkfs.xfs -p makes it:
 * every path, attribute and allocated size against xfs_db, every content and target against the tree that went in,
 * free extents against `freesp`, the report's sums. Needs 5 GB in the temporary folder. Prints what it compared.
 */
import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type PrototypeEntry, writePrototype } from '../../bench/support/xfs-prototype.ts';
import type { Report } from '../../src/core/contracts/report.ts';
import { typeOfMode } from '../../src/disk/filesystems/mode.ts';
import { openFileSource } from '../../src/sources/file.ts';
import { imgopt } from '../support/cli.ts';
import { temporaryFolder } from '../support/temp.ts';
import { describeWithTools } from '../support/tools.ts';
import { latin1Path, openXfs } from '../support/xfs.ts';
import { xfsCheck, xfsFree, xfsInodes, xfsSuper, xfsTool, xfsTree } from '../support/xfsprogs.ts';
import { DebianTree, debianTar } from './debian-images.ts';

const VARIANTS: readonly (readonly [string, readonly string[]])[] = [
  ['version 5', []],
  ['version 5 with a reverse map, 16 groups', ['-m', 'rmapbt=1,reflink=1', '-d', 'agcount=16']],
  ['version 5, 1 KiB blocks', ['-b', 'size=1024']],
  ['version 4, 64 KiB directory blocks', ['-m', 'crc=0', '-n', 'size=65536,ftype=0']],
];

describeWithTools(['mkfs.xfs', 'xfs_db', 'xfs_repair', 'tar', 'find'], 'a full Debian system on XFS', () => {
  const folder = temporaryFolder();
  const image = join(folder, 'root.xfs');
  const proto = join(folder, 'prototype');
  let tree: DebianTree | undefined;
  let wanted: Map<string, PrototypeEntry>;

  async function prepare(): Promise<DebianTree> {
    if (tree !== undefined) return tree;
    tree = DebianTree.extract(await debianTar(), folder);
    const { run } = tree;
    const entries = writePrototype(tree.path, proto, run.bind(tree));
    wanted = new Map(entries.map((entry) => [`/${entry.path}`, entry]));
    expect(wanted.size).toBeGreaterThan(30_000);
    return tree;
  }

  test.each(VARIANTS)('%s', async (name, args) => {
    const { path: host } = await prepare();
    rmSync(image, { force: true });
    writeFileSync(image, '');
    truncateSync(image, 3 * 2 ** 30);
    xfsTool('mkfs.xfs', ['-q', '-f', '-L', 'root', ...args, '-p', proto, image]);
    xfsCheck(image);
    const source = await openFileSource(image);
    const { filesystem, table, log } = await openXfs(source);
    expect(log.list()).toEqual([]);
    const sb = xfsSuper(image);
    const listed = xfsTree(image, sb.rootInode);
    expect([...listed.keys()].sort()).toEqual([...wanted.keys()].sort());
    const inodes = xfsInodes(image, [...listed.values()]);
    const failures: string[] = [];
    const same = (path: string, what: string, ours: unknown, theirs: unknown): void => {
      if (ours !== theirs && failures.length < 20) failures.push(`${path}: ${what} ${ours}, not ${theirs}`);
    };
    let allocated = 0;
    let bytes = 0;
    expect(table.count).toBe(listed.size);
    for (let entry = 0; entry < table.count; entry++) {
      const path = latin1Path(table, entry);
      const inode = table.inode[entry]!;
      const one = inodes.get(inode);
      const origin = wanted.get(path);
      if (one === undefined || origin === undefined || listed.get(path) !== inode) {
        failures.push(`${path}: not there`);
        continue;
      }
      same(path, 'type', table.type[entry], typeOfMode(one.mode));
      same(path, 'mode', table.mode[entry], one.mode & 0o7777);
      same(path, 'uid', table.uid[entry], one.uid);
      same(path, 'gid', table.gid[entry], one.gid);
      same(path, 'links', table.links[entry], one.links);
      same(path, 'size', table.size[entry], one.size);
      same(path, 'allocated', table.allocated[entry], one.blocks * sb.blockSize);
      same(path, 'modified', table.modified[entry], one.modified);
      same(path, "the tree's mode", table.mode[entry], origin.mode & 0o6777);
      same(
        path,
        "the tree's owner",
        `${table.uid[entry]}:${table.gid[entry]}`,
        `${origin.uid}:${origin.gid}`,
      );
      if (!table.isDirectory(entry)) allocated += table.allocated[entry]!;
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
    const unused = await filesystem.unusedExtents();
    expect([...unused]).toEqual(xfsFree(image, sb));
    const metadata = await filesystem.metadataExtents();
    expect(filesystem.size - unused.total - metadata.total).toBe(allocated);
    await source.close();

    const { code, stdout } = await imgopt(['analyze', image, '--json']);
    expect(code).toBe(0);
    const report = JSON.parse(stdout) as Report;
    expect(report.filesystems).toMatchObject([
      { type: 'xfs', label: 'root', mountPoint: '/', unused: sb.freeBlocks * sb.blockSize },
    ]);
    expect(report.diagnostics).toEqual([]);
    expect(report.packages.length).toBeGreaterThan(200);
    process.stdout.write(
      `${name}: ${table.count} entries, ${bytes} bytes of content, ${allocated} allocated, ${unused.total} unused in ${unused.count} extents, ${report.packages.length} packages\n`,
    );
  });
});
