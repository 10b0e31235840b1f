import { closeSync, constants, copyFileSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { DiagnosticLog, RunContext } from '../../src/core/context.ts';
import type { Filesystem } from '../../src/core/contracts/filesystem.ts';
import { FILE_FLAG, FILE_TYPE, type FileTable, FileTableBuilder } from '../../src/core/file-table.ts';
import { extDriver } from '../../src/disk/filesystems/ext/ext.ts';
import { openFileSource } from '../../src/sources/file.ts';
import { readProbe } from '../../src/sources/read.ts';
import {
  debugfs,
  debugfsContent,
  debugfsStat,
  debugfsTree,
  dumpe2fs,
  freeExtents,
} from '../support/e2fsprogs.ts';
import { temporaryFolder } from '../support/temp.ts';
import { describeWithTools, runTool, runToolSync } from '../support/tools.ts';
import { type ImageOptions, makeImage, makeTree, payload } from './ext-images.ts';

const TYPES: Record<string, number> = {
  regular: FILE_TYPE.file,
  directory: FILE_TYPE.directory,
  symlink: FILE_TYPE.symlink,
  'character special': FILE_TYPE.character,
  'block special': FILE_TYPE.block,
  FIFO: FILE_TYPE.fifo,
};

const IMAGES: Record<string, ImageOptions & { blkid: string }> = {
  'ext2 revision 0': {
    blkid: 'ext2',
    size: '20M',
    mke2fs: ['-t', 'ext2', '-r', '0', '-O', 'none', '-b', '1024', '-N', '1400'],
    noAttributes: true,
  },
  'ext2, 1 KiB, 128-byte inodes': {
    blkid: 'ext2',
    size: '40M',
    mke2fs: ['-t', 'ext2', '-b', '1024', '-I', '128', '-N', '2000'],
  },
  'ext3, 2 KiB': {
    blkid: 'ext3',
    size: '60M',
    mke2fs: ['-t', 'ext3', '-b', '2048', '-g', '4096', '-N', '3000'],
  },
  'ext4 by default': { blkid: 'ext4', size: '64M', mke2fs: ['-t', 'ext4', '-b', '4096', '-L', 'a label'] },
  'ext4, 1 KiB, checksums': {
    blkid: 'ext4',
    size: '64M',
    mke2fs: ['-t', 'ext4', '-b', '1024', '-O', 'metadata_csum,64bit', '-G', '4', '-N', '3000'],
  },
  'ext4, 64 KiB': {
    blkid: 'ext4',
    size: '256M',
    mke2fs: ['-t', 'ext4', '-b', '65536', '-O', 'metadata_csum', '-N', '2000', '-J', 'size=64'],
  },
  'bigalloc, 4 KiB': {
    blkid: 'ext4',
    size: '96M',
    mke2fs: ['-t', 'ext4', '-b', '4096', '-O', 'bigalloc', '-C', '32768', '-N', '2000'],
  },
  'bigalloc, 1 KiB': {
    blkid: 'ext4',
    size: '64M',
    mke2fs: ['-t', 'ext4', '-b', '1024', '-O', 'bigalloc', '-C', '8192', '-N', '2000'],
  },
  meta_bg: {
    blkid: 'ext4',
    size: '64M',
    mke2fs: ['-t', 'ext4', '-b', '1024', '-O', 'meta_bg,^resize_inode', '-g', '1024', '-N', '4000'],
  },
  sparse_super2: {
    blkid: 'ext4',
    size: '64M',
    mke2fs: ['-t', 'ext4', '-b', '1024', '-O', 'sparse_super2,^resize_inode', '-N', '3000'],
  },
  inline_data: {
    blkid: 'ext4',
    size: '48M',
    mke2fs: ['-t', 'ext4', '-b', '4096', '-O', 'inline_data', '-I', '512'],
  },
  uninit_bg: {
    blkid: 'ext4',
    size: '96M',
    mke2fs: ['-t', 'ext4', '-b', '1024', '-O', 'uninit_bg,^metadata_csum', '-N', '6000'],
  },
  'checksums with 32-byte descriptors': {
    blkid: 'ext4',
    size: '64M',
    mke2fs: ['-t', 'ext4', '-b', '1024', '-O', 'metadata_csum,^64bit', '-N', '3000'],
  },
  'checksum seed, no extents': {
    blkid: 'ext4',
    size: '64M',
    mke2fs: [
      '-t',
      'ext4',
      '-b',
      '1024',
      '-O',
      'metadata_csum,metadata_csum_seed,^extent,^64bit',
      '-N',
      '3000',
    ],
  },
  'no flex_bg, no journal, no sparse_super': {
    blkid: 'ext4',
    size: '48M',
    mke2fs: [
      '-t',
      'ext4',
      '-b',
      '1024',
      '-O',
      '^flex_bg,^has_journal,^sparse_super,^resize_inode',
      '-N',
      '3000',
    ],
  },
  'everything else': {
    blkid: 'ext4',
    size: '64M',
    eaInode: true,
    mke2fs: [
      '-t',
      'ext4',
      '-b',
      '4096',
      '-O',
      'quota,project,verity,casefold,encrypt,large_dir,ea_inode,stable_inodes,orphan_file,metadata_csum_seed',
      '-E',
      'quotatype=usrquota:grpquota:prjquota',
      '-I',
      '256',
    ],
  },
};

interface Opened {
  filesystem: Filesystem;
  table: FileTable;
  log: DiagnosticLog;
  close(): Promise<void>;
}

async function open(path: string): Promise<Opened> {
  const source = await openFileSource(path);
  const log = new DiagnosticLog();
  const filesystem = await extDriver.open!(source, new RunContext({ log }));
  const builder = new FileTableBuilder();
  builder.beginSection();
  await filesystem.scan(builder);
  return { filesystem, table: builder.build(), log, close: () => source.close() };
}

async function contentOf(filesystem: Filesystem, inode: number): Promise<Buffer> {
  const source = await filesystem.open(inode);
  const bytes = Buffer.alloc(source.size);
  // In uneven pieces, so that boundaries of extents and reads differ.
  const step = 65_521;
  for (let at = 0; at < bytes.length; at += step)
    await source.read(bytes.subarray(at, Math.min(at + step, bytes.length)), at);
  return bytes;
}

function latin1Path(table: FileTable, entry: number): string {
  let path = '';
  for (let at = entry; table.parent[at]! >= 0; at = table.parent[at]!) {
    path = `/${Buffer.from(table.nameBytes(at)).toString('latin1')}${path}`;
  }
  return path;
}

describeWithTools(['mke2fs', 'debugfs', 'dumpe2fs', 'e2fsck', 'blkid'], 'ext against e2fsprogs', () => {
  const folder = temporaryFolder();
  const tree = join(folder, 'tree');
  makeTree(tree);

  for (const [name, options] of Object.entries(IMAGES)) {
    it(name, async () => {
      const image = join(folder, 'image');
      await runTool('rm', ['-f', image]);
      await makeImage(folder, tree, image, options);
      const { filesystem, table, log, close } = await open(image);
      expect(log.list()).toEqual([]);

      // The filesystem itself.
      const source = await openFileSource(image);
      const probe = extDriver.probe(await readProbe(source))!;
      await source.close();
      const blkid = Object.fromEntries(
        (await runTool('blkid', ['-p', '-o', 'export', image]))
          .split('\n')
          .map((line) => line.split('=') as [string, string]),
      );
      expect(probe.type).toBe(options.blkid);
      expect({ type: probe.type, uuid: probe.uuid, label: probe.label }).toEqual({
        type: blkid.TYPE,
        uuid: blkid.UUID,
        label: blkid.LABEL?.replaceAll('\\', '') ?? null,
      });
      const dump = await dumpe2fs(image);
      expect(filesystem.features.length === 0 ? ['(none)'] : filesystem.features).toEqual(dump.features);
      expect(filesystem.size).toBe(dump.blocks * dump.blockSize);
      expect(filesystem.usage()).toEqual({
        used: (dump.blocks - dump.freeBlocks) * dump.blockSize,
        unused: dump.freeBlocks * dump.blockSize,
      });

      // Every path, every attribute.
      const entries = await debugfsTree(folder, image);
      const paths = new Map(entries.map(({ path, inode }) => [path, inode]));
      const ours = new Map<string, number>();
      for (let entry = 1; entry < table.count; entry++)
        ours.set(latin1Path(table, entry), table.inode[entry]!);
      expect([...ours].sort()).toEqual([...paths].sort());
      expect(table.count).toBeGreaterThan(550);
      const inodes = [...new Set(entries.map(({ inode }) => inode))];
      const stats = await debugfsStat(folder, image, inodes);
      const blockLists = await debugfs(
        folder,
        image,
        inodes.map((inode) => `blocks <${inode}>`),
      );
      const blocksOf = new Map(
        inodes.map((inode, index) => [inode, blockLists[index]!.trim().split(/\s+/).map(Number)]),
      );
      const primaries = new Set<number>();
      let allocated = 0;
      for (let entry = 1; entry < table.count; entry++) {
        const inode = table.inode[entry]!;
        const stat = stats.get(inode)!;
        expect({
          path: latin1Path(table, entry),
          type: table.type[entry],
          mode: table.mode[entry],
          uid: table.uid[entry],
          gid: table.gid[entry],
          size: table.size[entry],
          links: table.links[entry],
          allocated: table.allocated[entry],
          modified: table.modified[entry],
        }).toEqual({
          path: latin1Path(table, entry),
          type: TYPES[stat.type],
          mode: stat.mode & 0o7777,
          uid: stat.uid,
          gid: stat.gid,
          size: stat.size,
          links: stat.links,
          allocated: stat.sectors * 512,
          modified: stat.mtime,
        });
        expect((table.flags[entry]! & FILE_FLAG.secondaryLink) !== 0).toBe(primaries.has(inode));
        primaries.add(inode);
        if (table.isCounted(entry) && stat.type !== 'directory') allocated += stat.sectors * 512;
      }

      // Every content and every target.
      const regular = inodes.filter(
        (inode) => stats.get(inode)!.type === 'regular' && stats.get(inode)!.size > 0,
      );
      const contents = await debugfsContent(folder, image, regular);
      // debugfs writes all 60 bytes of short inline data, whatever the size says.
      for (const [inode, bytes] of contents) contents.set(inode, bytes.subarray(0, stats.get(inode)!.size));
      for (const inode of regular) {
        const same = (await contentOf(filesystem, inode)).equals(contents.get(inode)!);
        expect({ inode, same }).toEqual({ inode, same: true });
      }
      expect((await contentOf(filesystem, paths.get('/big')!)).equals(payload('big', 2_500_000))).toBe(true);
      for (const length of [1, 58, 59, 60, 61, 300, 900]) {
        const target = await filesystem.readLink(paths.get(`/link${length}`)!);
        expect(Buffer.from(target).toString()).toBe('t'.repeat(length));
      }

      // What blocks are for.
      const unused = await filesystem.unusedExtents();
      expect([...unused]).toEqual(freeExtents(dump));
      expect(unused.total).toBe(filesystem.usage().unused);
      const metadata = await filesystem.metadataExtents();
      expect(unused.intersect(metadata).isEmpty).toBe(true);
      for (const [inode, blocks] of blocksOf) {
        const { type } = stats.get(inode)!;
        // debugfs takes a short link's target and a device's number for blocks.
        if (type !== 'regular' && type !== 'directory') continue;
        const isDirectory = type === 'directory';
        for (const block of blocks) {
          if (block === 0) continue;
          const at = block * dump.blockSize;
          expect({ inode, block, unused: unused.contains(at), metadata: metadata.contains(at) }).toEqual({
            inode,
            block,
            unused: false,
            metadata: isDirectory,
          });
        }
      }
      expect(filesystem.size - unused.total - metadata.total).toBe(allocated);
      expect(log.list()).toEqual([]);
      await close();

      // Poison: noise where nothing is in use changes nothing.
      const poisoned = join(folder, 'poisoned');
      copyFileSync(image, poisoned, constants.COPYFILE_FICLONE);
      const file = openSync(poisoned, 'r+');
      const noise = Buffer.alloc(1 << 20, 'POISON\xff');
      for (const { start, end } of unused) {
        for (let at = start; at < end; at += noise.length)
          writeSync(file, noise, 0, Math.min(noise.length, end - at), at);
      }
      closeSync(file);
      runToolSync('e2fsck', ['-fn', poisoned]);
      const again = await open(poisoned);
      expect(again.log.list()).toEqual([]);
      for (const inode of regular) {
        const same = (await contentOf(again.filesystem, inode)).equals(contents.get(inode)!);
        expect({ inode, same }).toEqual({ inode, same: true });
      }
      await again.close();
    });
  }

  it('goes on with the backup of a damaged superblock, but drops nothing', async () => {
    const image = join(folder, 'backup');
    await runTool('mke2fs', ['-q', '-F', '-t', 'ext4', '-b', '1024', '-d', tree, image, '48M']);
    const names = (await open(image)).table.count;
    const file = openSync(image, 'r+');
    writeSync(file, Buffer.alloc(100, 0xee), 0, 100, 1024 + 0x78);
    closeSync(file);
    const { filesystem, table, log, close } = await open(image);
    expect(log.list()).toMatchObject([{ code: 'IMGOPT_EXT_SUPERBLOCK_CHECKSUM', severity: 'error' }]);
    expect(table.count).toBe(names);
    expect(filesystem.state).toBe('needs-recovery');
    await expect(filesystem.unusedExtents()).rejects.toThrow('its superblock is damaged');
    await close();
  });

  it('counts the block of multi-mount protection as metadata', async () => {
    const image = join(folder, 'mmp');
    await runTool('mke2fs', ['-q', '-F', '-t', 'ext4', '-O', 'mmp', '-d', tree, image, '48M']);
    const { filesystem, table, log, close } = await open(image);
    const { text, blockSize } = await dumpe2fs(image);
    const block = Number(/^MMP block number:\s+(\d+)/m.exec(text)![1]);
    const metadata = await filesystem.metadataExtents();
    expect(metadata.contains(block * blockSize)).toBe(true);
    let allocated = 0;
    for (let entry = 0; entry < table.count; entry++) {
      if (table.isCounted(entry) && !table.isDirectory(entry)) allocated += table.allocated[entry]!;
    }
    expect(filesystem.size - (await filesystem.unusedExtents()).total - metadata.total).toBe(allocated);
    expect(log.list()).toEqual([]);
    await close();
  });

  it('calls an external journal by its name', async () => {
    const image = join(folder, 'journal');
    await runTool('mke2fs', ['-q', '-F', '-O', 'journal_dev', image, '4M']);
    const source = await openFileSource(image);
    expect(extDriver.probe(await readProbe(source))!.type).toBe(
      (await runTool('blkid', ['-p', '-o', 'value', '-s', 'TYPE', image])).trim(),
    );
    await expect(open(image)).rejects.toThrow('journal_dev');
    await source.close();
  });
});
