/** Trees that mksquashfs packs with every compressor and layout, against unsquashfs, rdsquashfs and the tree itself. */
import {
  closeSync,
  ftruncateSync,
  linkSync,
  lutimesSync,
  openSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import contributeCodecs from '../../plugins/codecs/src/contribute.ts';
import { FILE_FLAG, FILE_TYPE } from '../../src/core/file-table.ts';
import { squashfsDriver } from '../../src/disk/filesystems/squashfs/squashfs.ts';
import { openFileSource } from '../../src/sources/file.ts';
import { readProbe } from '../../src/sources/read.ts';
import { type Entry, hostTree, imageTree, openFilesystem } from '../support/read-only.ts';
import { temporaryFolder } from '../support/temp.ts';
import { describeWithTools, runTool, runToolSync } from '../support/tools.ts';
import { latin1Path } from '../support/xfs.ts';
import { makeTree, payload } from './ext-images.ts';

const GiB = 1024 ** 3;

const VARIANTS: Readonly<Record<string, readonly string[]>> = {
  'gzip by default': [],
  zstd: ['-comp', 'zstd', '-Xcompression-level', '3'],
  lz4: ['-comp', 'lz4'],
  'lz4, its best': ['-comp', 'lz4', '-Xhc', '-b', '64K'],
  xz: ['-comp', 'xz'],
  'blocks of 4 KiB': ['-b', '4K', '-comp', 'lz4'],
  'blocks of 1 MiB': ['-b', '1M', '-comp', 'zstd', '-Xcompression-level', '3'],
  'gzip with options': ['-Xcompression-level', '3', '-Xwindow-size', '10'],
  'no fragments': ['-no-fragments'],
  'always fragments': ['-always-use-fragments', '-b', '16K'],
  'nothing compressed': ['-noI', '-noD', '-noF', '-noX', '-noId'],
  'no metadata compressed': ['-noI', '-noX', '-noId', '-b', '8K'],
  'no data compressed': ['-noD', '-noF'],
  'no duplicates sought, no exports': ['-no-duplicates', '-no-exports', '-no-sparse', '-no-xattrs'],
};

describeWithTools(['mksquashfs', 'unsquashfs', 'rdsquashfs', 'blkid'], 'squashfs against its tools', () => {
  const folder = temporaryFolder();
  const tree = join(folder, 'tree');
  const image = join(folder, 'image');

  beforeAll(() => {
    makeTree(tree);
    const huge = openSync(join(tree, 'huge sparse'), 'w');
    ftruncateSync(huge, 64 * 1024 * 1024 + 5);
    writeSync(huge, payload('huge', 100_000), 0, 100_000, 40 * 1024 * 1024);
    closeSync(huge);
    // More links than one metadata block lists.
    for (let i = 0; i < 300; i++) linkSync(join(tree, 'tiny'), join(tree, 'many', `link to tiny ${i}`));
    writeFileSync(join(tree, 'copy of big'), payload('big', 2_500_000));
    lutimesSync(join(tree, 'tiny'), 0, 2_000_000_000);
  });

  async function make(args: readonly string[]): Promise<void> {
    rmSync(image, { force: true });
    await runTool('mksquashfs', [tree, image, '-quiet', '-no-progress', '-processors', '1', ...args]);
  }

  it.each(Object.entries(VARIANTS))('%s', async (_name, args) => {
    const special = [
      'char c 600 1000 4294967290 5 6',
      'disk b 640 70000 0 7 8',
      'pipe i 622 1 2 f',
      'socket i 644 3 4 s',
    ];
    await make([...args, ...special.flatMap((one) => ['-p', one])]);
    const source = await openFileSource(image);
    const { decompressors } = await contributeCodecs();
    const opened = await openFilesystem(squashfsDriver, source, decompressors);
    const { filesystem, table, log } = opened;
    expect(log.list()).toEqual([]);
    const probe = squashfsDriver.probe(await readProbe(source))!;
    expect(probe.type).toBe((await runTool('blkid', ['-p', '-s', 'TYPE', '-o', 'value', image])).trim());

    // Against the tree that went in: every attribute and all content.
    const made = ['/char', '/disk', '/pipe', '/socket'];
    const ours = await imageTree(opened);
    const theirs = hostTree(tree);
    expect([...ours].filter(([path]) => !made.includes(path)).sort()).toEqual([...theirs].sort());

    // Against unsquashfs: types, modes, owners, sizes of everything, what was made on the way too.
    const listed = runToolSync('unsquashfs', ['-lln', '-d', '', image]).toString('latin1');
    const letters = '?-dlcbps';
    const sizes = new Map<string, string>();
    for (const line of listed.split('\n').filter((one) => one !== '')) {
      const match = /^(.)(.{9}) (\d+)\/(\d+) +(\d+|\d+, +\d+) \d{4}-\d\d-\d\d \d\d:\d\d (.*)$/.exec(line)!;
      const [, type, , uid, gid, size, rest] = match as unknown as string[];
      const path = type === 'l' ? rest!.slice(0, rest!.lastIndexOf(' -> ')) : rest!;
      sizes.set(path === '' ? '/' : path, `${type} ${uid} ${gid} ${/^\d+$/.test(size!) ? size : 0}`);
    }
    for (let entry = 0; entry < table.count; entry++) {
      const { type, uid, gid, size } = table;
      const shown = `${letters[type[entry]!]} ${uid[entry]} ${gid[entry]} ${size[entry]}`;
      expect(`${latin1Path(table, entry)}: ${shown}`).toBe(
        `${latin1Path(table, entry)}: ${sizes.get(latin1Path(table, entry))}`,
      );
    }
    expect(sizes.size).toBe(table.count);

    // Against rdsquashfs: what a file's blocks occupy.
    for (const path of ['/big', '/sparse', '/huge sparse']) {
      const said = await runTool('rdsquashfs', ['-s', path, image]);
      const blocks = [...said.matchAll(/Block #\d+ size: (\d+)/g)].map((one) => Number(one[1]));
      const sum = blocks.reduce((total, one) => total + one, 0);
      const entry = table.child(0, path.slice(1));
      const isTail = !/Fragment index: 0xFFFFFFFF/i.test(said);
      if (!isTail) expect(table.allocated[entry]).toBe(sum);
      else expect(table.allocated[entry]).toBeGreaterThanOrEqual(sum);
    }
    expect(filesystem.size).toBe(
      Number(/Filesystem size (\d+) bytes/.exec(await runTool('unsquashfs', ['-s', image]))![1]),
    );

    // All that content occupies is some file's; a copy that shares its blocks says so twice.
    const metadata = await filesystem.metadataExtents();
    let allocated = 0;
    for (let entry = 0; entry < table.count; entry++) {
      if ((table.flags[entry]! & FILE_FLAG.secondaryLink) !== 0 || table.type[entry] !== FILE_TYPE.file)
        continue;
      allocated += table.allocated[entry]!;
    }
    const content = filesystem.size - metadata.total;
    if (args.includes('-no-duplicates')) expect(allocated).toBe(content);
    else expect(allocated).toBeGreaterThan(content);
    expect((await filesystem.unusedExtents()).isEmpty).toBe(true);
    await source.close();
  });

  it('a file of over 4 GiB that is one hole but for its ends', async () => {
    const big = join(tree, 'big hole');
    const handle = openSync(big, 'w');
    ftruncateSync(handle, 4 * GiB + 7);
    writeSync(handle, 'end', 4 * GiB + 4);
    closeSync(handle);
    await make(['-b', '1M', '-comp', 'lz4', '-e', 'many', 'copy of big']);
    rmSync(big);
    const source = await openFileSource(image);
    const { filesystem, table, log } = await openFilesystem(squashfsDriver, source);
    expect(log.list().filter(({ code }) => code !== 'IMGOPT_SQUASHFS_LINK_COUNT')).toEqual([]);
    const entry = table.child(0, 'big hole');
    expect(table.size[entry]).toBe(4 * GiB + 7);
    expect(table.allocated[entry]).toBeLessThan(4096);
    const content = await filesystem.open(table.inode[entry]!);
    const end = Buffer.alloc(1000);
    await content.read(end, 4 * GiB + 7 - 1000);
    expect(end.subarray(0, 997).every((byte) => byte === 0)).toBe(true);
    expect(end.toString('latin1', 997)).toBe('end');
    const extents = [];
    for await (const batch of content.extents()) extents.push(...batch);
    expect(extents[0]).toMatchObject({ start: 0, end: 4 * GiB, kind: 'hole', stored: 0 });
    expect(extents.at(-1)!.end).toBe(4 * GiB + 7);
    await source.close();
  });

  it.each(['lzo', 'lzma', 'xz'])('%s without a decoder is refused by name', async (name) => {
    const build = runTool('mksquashfs', [
      join(tree, 'few'),
      image,
      '-quiet',
      '-no-progress',
      '-noappend',
      '-comp',
      name,
    ]);
    const built = await build.then(
      () => true,
      () => false,
    );
    if (name !== 'lzma') expect(built).toBe(true);
    if (!built) return; // Debian's build leaves lzma out
    const source = await openFileSource(image);
    await expect(openFilesystem(squashfsDriver, source)).rejects.toMatchObject({
      code: 'IMGOPT_SQUASHFS_COMPRESSOR',
      family: 'unsupported',
      message: expect.stringContaining(name),
    });
    await source.close();
  });

  it('an image that squashfs-tools-ng made', async () => {
    rmSync(image, { force: true });
    await runTool('gensquashfs', [
      '--pack-dir',
      tree,
      '--keep-time',
      '--quiet',
      '--compressor',
      'gzip',
      image,
    ]);
    const source = await openFileSource(image);
    const opened = await openFilesystem(squashfsDriver, source);
    // It looks for no hard links, and its root is its own.
    const shown = (entries: Map<string, Entry>) =>
      [...entries].filter(([path]) => path !== '/').map(([path, entry]) => [path, { ...entry, links: 1 }]);
    expect(shown(await imageTree(opened)).sort()).toEqual(shown(hostTree(tree)).sort());
    await source.close();
  });
});
