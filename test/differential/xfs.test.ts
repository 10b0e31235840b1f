/** Filesystems that mkfs.xfs fills from a prototype file, of every geometry, against xfs_db and xfs_repair. */
import { closeSync, mkdirSync, openSync, rmSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { typeOfMode } from '../../src/disk/filesystems/mode.ts';
import { xfsDriver } from '../../src/disk/filesystems/xfs/xfs.ts';
import { openFileSource } from '../../src/sources/file.ts';
import { readProbe } from '../../src/sources/read.ts';

import { temporaryFolder } from '../support/temp.ts';
import { describeWithTools, runTool } from '../support/tools.ts';
import { contentOf, latin1Path, openXfs } from '../support/xfs.ts';
import { xfsCheck, xfsContent, xfsFree, xfsInodes, xfsSuper, xfsTool, xfsTree } from '../support/xfsprogs.ts';
import { payload } from './ext-images.ts';

const MiB = 1024 * 1024;
const v4 = ['-m', 'crc=0'];

const isV4 = (args: readonly string[]): boolean => args.includes('crc=0');

interface Variant {
  readonly size: number;
  readonly args: readonly string[];
  /** Commands of xfs_db that change the filesystem afterwards. */
  readonly change?: readonly string[];
}

const VARIANTS: Readonly<Record<string, Variant>> = {
  'by default': { size: 300, args: ['-L', 'a label'] },
  'with all that there is': {
    size: 320,
    args: [
      ...['-m', 'rmapbt=1,reflink=1,finobt=1,bigtime=1,inobtcount=1', '-i', 'nrext64=1,sparse=1'],
      ...['-d', 'agcount=16', '-s', 'size=4096'],
    ],
  },
  'with none of it': {
    size: 64,
    args: ['-m', 'rmapbt=0,reflink=0,finobt=0,bigtime=0,inobtcount=0', '-i', 'sparse=0,nrext64=0'],
  },
  '1 KiB blocks, directory blocks of 16 KiB': { size: 64, args: ['-b', 'size=1024', '-n', 'size=16384'] },
  '2 KiB blocks, 4 KiB directory blocks, 1 KiB inodes': {
    size: 80,
    args: ['-b', 'size=2048', '-n', 'size=4096', '-i', 'size=1024'],
  },
  '64 KiB blocks, 4 KiB sectors': { size: 512, args: ['-b', 'size=65536', '-s', 'size=4096'] },
  '16 KiB blocks and sectors, 2 KiB inodes': {
    size: 400,
    args: ['-b', 'size=16384', '-s', 'size=16384', '-i', 'size=2048'],
  },
  'case-insensitive names': { size: 64, args: ['-n', 'version=ci'] },
  'another UUID than its metadata': { size: 64, args: [], change: ['uuid generate'] },
  'version 4': { size: 64, args: [...v4, '-L', 'abcdefghijkl'] },
  'version 4 without types': { size: 64, args: [...v4, '-n', 'ftype=0', '-d', 'agcount=3'] },
  'version 4, blocks of 512 bytes': {
    size: 32,
    args: [...v4, '-b', 'size=512', '-i', 'size=256', '-n', 'size=8192'],
  },
  'version 4, 64 KiB blocks, 512-byte inodes': {
    size: 512,
    args: [...v4, '-b', 'size=65536', '-i', 'size=512'],
  },
};

/** A prototype file (mkfs.xfs(8), -p) of a tree with everything that it can describe. */
function prototype(
  folder: string,
  isV4: boolean,
): {
  path: string;
  contents: Map<string, Buffer>;
  targets: Map<string, string>;
} {
  const contents = new Map<string, Buffer>();
  const targets = new Map<string, string>();
  const lines = ['/boot', '0 0', 'd--755 0 0'];
  const file = (where: string, name: string, length: number, mode = '---644 0 0'): void => {
    const path = `${where}/${name}`;
    const bytes = payload(name, length);
    const host = join(folder, `${isV4 ? 'four' : 'five'}-${contents.size}`);
    writeFileSync(host, bytes);
    contents.set(path, bytes);
    lines.push(`${name} ${mode} ${host}`);
  };
  const link = (name: string, target: string): void => {
    targets.set(`/${name}`, target);
    lines.push(`${name} l--777 0 0 ${target}`);
  };
  file('', 'empty', 0);
  file('', 'tiny', 40, '-u-755 1000 100000');
  file('', 'block', 4096, '--g640 4294967290 65536');
  file('', 'big', 2_500_000);
  // mkfs.xfs 6.1 writes longer ones in version 5 without their headers: those are among the kernel's fixtures.
  for (const length of isV4 ? [1, 60, 150, 157, 330, 900, 1023] : [1, 60, 150, 330])
    link(`link${length}`, 't'.repeat(length));
  lines.push('null c--666 0 0 1 3', 'loop b--660 0 6 259 7', 'pipe p--600 0 0');
  lines.push('none d--755 0 0', '$');
  let path = '';
  for (let level = 0; level < 12; level++) {
    path += `/level-${level}`;
    lines.push(`level-${level} d--750 ${level} 7`);
    file(path, 'leaf', 100 * level);
  }
  for (let level = 0; level < 12; level++) lines.push('$');
  // So many, and as long: one block, then indexes of one block, of many, and a map that is a tree.
  const empty = join(folder, 'nothing');
  writeFileSync(empty, '');
  for (const count of [4, 30, 300, 2500]) {
    lines.push(`many-${count} d--755 0 0`);
    for (let i = 0; i < count; i++) {
      const name = `entry-${i}-${'x'.repeat((i * 7) % 90)}`;
      contents.set(`/many-${count}/${name}`, Buffer.alloc(0));
      lines.push(`${name} ---600 0 0 ${empty}`);
    }
    lines.push('$');
  }
  lines.push('names d--755 0 0');
  for (const name of ['n'.repeat(255), 'ünïcödé☃', '-rf', '\x01\x1b[31m', '..x', '.x', 'back\\slash']) {
    file('/names', name, 5);
  }
  lines.push('$', '$', '');
  const target = join(folder, `prototype-${isV4}`);
  writeFileSync(target, lines.join('\n'));
  return { path: target, contents, targets };
}

const inLatin1 = (text: string): string => Buffer.from(text).toString('latin1');

describeWithTools(['mkfs.xfs', 'xfs_db', 'xfs_repair', 'blkid'], 'xfs against xfsprogs', () => {
  const folder = temporaryFolder();
  const files = join(folder, 'files');
  mkdirSync(files);
  const five = prototype(files, false);
  const four = prototype(files, true);
  const image = join(folder, 'image');

  function make({ size, args, change = [] }: Variant): void {
    rmSync(image, { force: true });
    writeFileSync(image, '');
    truncateSync(image, size * MiB);
    xfsTool('mkfs.xfs', ['-q', '-f', ...args, '-p', isV4(args) ? four.path : five.path, image]);
    if (change.length > 0) xfsTool('xfs_db', ['-x', ...change.flatMap((one) => ['-c', one]), image]);
    xfsCheck(image);
  }

  it.each(Object.entries(VARIANTS))('%s', async (_name, variant) => {
    make(variant);
    const { contents, targets } = isV4(variant.args) ? four : five;
    const source = await openFileSource(image);
    const { filesystem, table, log } = await openXfs(source);
    expect(log.list()).toEqual([]);

    // The filesystem itself.
    const probe = xfsDriver.probe(await readProbe(source))!;
    for (const [tag, ours] of [
      ['TYPE', probe.type],
      ['LABEL', probe.label],
      ['UUID', probe.uuid],
    ] as const) {
      const said = (await runTool('blkid', ['-p', '-s', tag, '-o', 'value', image])).replace(/\n$/, '');
      expect(ours ?? '').toBe(said);
    }
    const sb = xfsSuper(image);
    expect(filesystem.features.join()).toBe(sb.version);
    expect(filesystem.state).toBe('clean');
    expect(filesystem.size).toBe(sb.blocks * sb.blockSize);
    expect(filesystem.usage().unused).toBe(sb.freeBlocks * sb.blockSize);

    // Every path, every attribute.
    const tree = xfsTree(image, sb.rootInode);
    expect(tree.size).toBeGreaterThan(2850);
    const ours = new Map(
      Array.from({ length: table.count }, (_, entry) => [latin1Path(table, entry), table.inode[entry]!]),
    );
    expect([...ours].sort()).toEqual([...tree].sort());
    const inodes = xfsInodes(image, [...tree.values()], true);
    let allocated = 0;
    for (let entry = 0; entry < table.count; entry++) {
      const one = inodes.get(table.inode[entry]!)!;
      const path = latin1Path(table, entry);
      expect({
        path,
        type: table.type[entry],
        mode: table.mode[entry],
        uid: table.uid[entry],
        gid: table.gid[entry],
        links: table.links[entry],
        size: table.size[entry],
        allocated: table.allocated[entry],
        modified: table.modified[entry],
      }).toEqual({
        path,
        type: typeOfMode(one.mode),
        mode: one.mode & 0o7777,
        uid: one.uid,
        gid: one.gid,
        links: one.links,
        size: one.size,
        allocated: one.blocks * sb.blockSize,
        modified: one.modified,
      });
      if (!table.isDirectory(entry)) allocated += table.allocated[entry]!;
    }

    // Every content and every target: what went in, and what xfs_db's maps lead to.
    const check = async (): Promise<void> => {
      for (const [path, bytes] of contents) {
        const inode = tree.get(inLatin1(path))!;
        const isSame = (await contentOf(filesystem, inode)).equals(bytes);
        const isSameToo = xfsContent(image, inodes.get(inode)!, sb).equals(bytes);
        expect({ path, isSame, isSameToo }).toEqual({ path, isSame: true, isSameToo: true });
      }
      for (const [path, target] of targets) {
        const found = await filesystem.readLink(tree.get(path)!);
        expect({ path, found: Buffer.from(found).toString() }).toEqual({ path, found: target });
      }
    };
    await check();

    // What blocks are for.
    const unused = await filesystem.unusedExtents();
    expect([...unused]).toEqual(xfsFree(image, sb));
    const metadata = await filesystem.metadataExtents();
    expect(metadata.intersect(unused).isEmpty).toBe(true);
    expect(filesystem.size - unused.total - metadata.total).toBe(allocated);
    expect(log.list()).toEqual([]);

    // Poison: noise where nothing is in use changes nothing.
    const file = openSync(image, 'r+');
    const noise = Buffer.alloc(MiB, 'POISON\xff');
    for (const { start, end } of unused) {
      for (let at = start; at < end; at += noise.length)
        writeSync(file, noise, 0, Math.min(noise.length, end - at), at);
    }
    closeSync(file);
    xfsCheck(image);
    expect([...xfsTree(image, sb.rootInode)]).toEqual([...tree]);
    await check();
    expect((await openXfs(source)).log.list()).toEqual([]);
    await source.close();
  });
});
