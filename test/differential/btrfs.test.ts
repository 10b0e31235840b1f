/** Filesystems that mkfs.btrfs fills from a folder, of every geometry, against btrfs-progs and the folder itself. */
import {
  closeSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { btrfsDriver } from '../../src/disk/filesystems/btrfs/btrfs.ts';
import { typeOfMode } from '../../src/disk/filesystems/mode.ts';
import { btrfsVolumes } from '../../src/disk/volumes/btrfs/btrfs.ts';
import { openFileSource } from '../../src/sources/file.ts';
import { readProbe } from '../../src/sources/read.ts';
import { openBtrfs } from '../support/btrfs.ts';
import {
  btrfsCheck,
  btrfsSpace,
  btrfsSuper,
  btrfsTool,
  btrfsTree,
  btrfsUsed,
} from '../support/btrfsprogs.ts';
import { assemble } from '../support/groups.ts';
import { temporaryFolder } from '../support/temp.ts';
import { describeWithTools, runTool } from '../support/tools.ts';
import { contentOf } from '../support/volumes.ts';
import { latin1Path } from '../support/xfs.ts';
import { makeTree } from './ext-images.ts';

const MiB = 1024 * 1024;

interface Variant {
  readonly size: number;
  readonly args: readonly string[];
  /** Arguments of btrfstune afterwards. */
  readonly tune?: readonly string[];
}

const VARIANTS: Readonly<Record<string, Variant>> = {
  'by default': { size: 200, args: ['-L', 'a label'] },
  'nodes of 4 KiB, single metadata': { size: 160, args: ['-n', '4096', '-m', 'single'] },
  'nodes of 64 KiB, content twice': { size: 300, args: ['-n', '65536', '-d', 'dup'] },
  'sectors of 8 KiB, nodes of 32 KiB': { size: 200, args: ['-s', '8192', '-n', '32768'] },
  'sectors and nodes of 64 KiB': { size: 400, args: ['-s', '65536', '-n', '65536'] },
  'mixed groups': { size: 120, args: ['--mixed'] },
  'mixed groups, nodes of 4 KiB, twice': {
    size: 250,
    args: ['--mixed', '-n', '4096', '-m', 'dup', '-d', 'dup'],
  },
  'as before Linux 5.15': { size: 200, args: ['-O', '^no-holes', '-R', '^free-space-tree'] },
  'as before Linux 3.10': {
    size: 200,
    args: ['-O', '^no-holes,^skinny-metadata,^extref', '-R', '^free-space-tree'],
  },
  'with quotas': { size: 200, args: ['-R', 'quota'] },
  xxhash64: { size: 160, args: ['--csum', 'xxhash'] },
  sha256: { size: 160, args: ['--csum', 'sha256'] },
  blake2: { size: 160, args: ['--csum', 'blake2', '-n', '8192'] },
  'another UUID than its metadata': { size: 160, args: [], tune: ['-m', '-f'] },
  'larger than its last superblock': { size: 300 * 1024, args: [] },
};

describeWithTools(['mkfs.btrfs', 'btrfs', 'btrfstune', 'blkid'], 'btrfs against btrfs-progs', () => {
  const folder = temporaryFolder();
  const tree = join(folder, 'tree');
  makeTree(tree);
  const image = join(folder, 'image');

  it.each(Object.entries(VARIANTS))('%s', async (_name, { size, args, tune = [] }) => {
    rmSync(image, { force: true });
    writeFileSync(image, '');
    truncateSync(image, size * MiB);
    btrfsTool('mkfs.btrfs', ['-q', ...args, '--rootdir', tree, image]);
    if (tune.length > 0) btrfsTool('btrfstune', [...tune, image]);
    btrfsCheck(image);
    const source = await openFileSource(image);
    const { filesystem, table, log } = await openBtrfs(source);
    expect(log.list()).toEqual([]);

    // The filesystem itself.
    const probe = btrfsDriver.probe(await readProbe(source))!;
    for (const [tag, ours] of [
      ['TYPE', probe.type],
      ['LABEL', probe.label],
      ['UUID', probe.uuid],
      ['BLOCK_SIZE', String(filesystem.blockSize)],
    ] as const) {
      const said = (await runTool('blkid', ['-p', '-s', tag, '-o', 'value', image])).replace(/\n$/, '');
      expect(ours ?? '').toBe(said);
    }
    const sb = btrfsSuper(image);
    expect(filesystem.features).toEqual(sb.features);
    expect(filesystem.state).toBe('clean');
    expect(filesystem.size).toBe(sb.totalBytes);

    // Every path, every attribute.
    const { inodes, paths } = btrfsTree(image, '5');
    expect(paths.size).toBeGreaterThan(540);
    const ours = new Map(
      Array.from({ length: table.count }, (_, entry) => [latin1Path(table, entry), table.inode[entry]!]),
    );
    // The top level is the first subvolume: its inodes keep their numbers.
    expect([...ours].sort()).toEqual([...paths].sort());
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
        allocated: Math.ceil(one.nbytes / sb.sectorSize) * sb.sectorSize,
        modified: one.modified,
      });
    }

    // Every content and every target: what went in, and what `btrfs restore` gets out.
    const restored = join(folder, 'restored');
    const compare = async (): Promise<void> => {
      rmSync(restored, { recursive: true, force: true });
      mkdirSync(restored);
      btrfsTool('btrfs', ['restore', '-S', image, restored]);
      for (const [path, inode] of paths) {
        const name = Buffer.from(path, 'latin1').toString();
        const stats = lstatSync(join(tree, name));
        if (stats.isSymbolicLink()) {
          const target = Buffer.from(await filesystem.readLink(inode)).toString();
          const wanted = readlinkSync(join(tree, name));
          expect({ path, target }).toEqual({ path, target: wanted });
          expect(readlinkSync(join(restored, name))).toBe(wanted);
        } else if (stats.isFile()) {
          const found = Buffer.from(await contentOf(await filesystem.open(inode)));
          const isSame = found.equals(readFileSync(join(tree, name)));
          const isSameToo = found.equals(readFileSync(join(restored, name)));
          expect({ path, isSame, isSameToo }).toEqual({ path, isSame: true, isSameToo: true });
        }
      }
    };
    await compare();

    // What blocks are for.
    const space = btrfsSpace(image);
    const unused = await filesystem.unusedExtents();
    expect([...unused]).toEqual(space.unused);
    const metadata = await filesystem.metadataExtents();
    expect(metadata.intersect(unused).isEmpty).toBe(true);
    for (const { start, end } of space.nodes) expect(metadata.overlap(start, end)).toBe(end - start);
    expect(filesystem.size - unused.total - metadata.total).toBe(space.data);
    const nodes = space.nodes.reduce((sum, { start, end }) => sum + end - start, 0);
    expect(filesystem.usage()).toEqual({
      used: nodes + space.data,
      unused: sb.totalBytes - nodes - space.data,
    });
    expect(log.list()).toEqual([]);

    // Poison: noise where nothing is in use changes nothing. (Not through hundreds of GiB.)
    if (size < 1024) {
      const file = openSync(image, 'r+');
      const noise = Buffer.alloc(MiB, 'POISON\xff');
      for (const { start, end } of unused) {
        for (let at = start; at < end; at += noise.length)
          writeSync(file, noise, 0, Math.min(noise.length, end - at), at);
      }
      closeSync(file);
      btrfsCheck(image);
      await compare();
      const again = await openBtrfs(source);
      expect(again.table.firstDifference(table)).toBeUndefined();
      expect(again.log.list()).toEqual([]);
    }
    await source.close();
  });

  /** mkfs.btrfs fills no filesystem of several devices, so these hold its nodes alone. */
  async function make(data: string, metadata: string) {
    const paths = [1, 2, 3, 4].map((number) => join(folder, `device-${number}`));
    for (const path of paths) {
      rmSync(path, { force: true });
      writeFileSync(path, '');
      truncateSync(path, 300 * MiB);
    }
    btrfsTool('mkfs.btrfs', ['-q', '-L', 'array', '-d', data, '-m', metadata, ...paths]);
    const sources = await Promise.all(paths.map((path) => openFileSource(path)));
    return { paths, sources, close: () => Promise.all(sources.map((source) => source.close())) };
  }

  it.each([
    ['raid1c3', 'raid1c4'],
    ['raid10', 'raid1c3'],
    ['raid0', 'raid10'],
    ['dup', 'raid1'],
  ])('four devices, content %s, nodes %s', async (data, metadata) => {
    const { paths, sources, close } = await make(data, metadata);
    const { filesystem, log } = await openBtrfs(
      (await assemble(btrfsVolumes, sources)).volume('array').source!,
    );
    expect(log.list()).toEqual([]);
    // A device alone may hold none of the nodes; one that does tells all.
    expect(filesystem.usage().used).toBe(Math.max(...paths.map(btrfsUsed)));
    const { volume } = await assemble(btrfsVolumes, sources);
    const unused = await filesystem.unusedExtents();
    const noise = Buffer.alloc(MiB, 'POISON\xff');
    for (const range of unused) {
      for (const { member, start, end } of volume('array').toMembers(range)) {
        const file = openSync(paths[member]!, 'r+');
        for (let at = start; at < end; at += noise.length)
          writeSync(file, noise, 0, Math.min(noise.length, end - at), at);
        closeSync(file);
      }
    }
    if (metadata === 'raid1c4') btrfsCheck(paths[0]!); // the only one that needs no other device
    const again = await openBtrfs(volume('array').source!);
    expect([...(await again.filesystem.unusedExtents())]).toEqual([...unused]);
    expect(again.log.list()).toEqual([]);
    await close();
  });

  it.each(['raid5', 'raid6'])('%s is refused by name', async (profile) => {
    const { sources, close } = await make(profile, 'raid1');
    const { source } = (await assemble(btrfsVolumes, sources)).volume('array');
    await expect(openBtrfs(source!)).rejects.toThrow(`has chunks of ${profile.toUpperCase()}`);
    await close();
  });
});
