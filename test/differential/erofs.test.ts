/** Trees that mkfs.erofs packs with every layout, against fsck.erofs, dump.erofs, blkid and the tree itself. */
import {
  closeSync,
  ftruncateSync,
  lutimesSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { DiagnosticLog, RunContext } from '../../src/core/context.ts';
import type { BlockSource } from '../../src/core/contracts/source.ts';
import { FILE_FLAG, FILE_TYPE } from '../../src/core/file-table.ts';
import { type ContentMap, FORM } from '../../src/disk/filesystems/erofs/content-map.ts';
import { erofsDriver } from '../../src/disk/filesystems/erofs/erofs.ts';
import { decodeMicroLzma } from '../../src/disk/filesystems/erofs/micro-lzma.ts';
import { readSuperblock } from '../../src/disk/filesystems/erofs/superblock.ts';
import { Volume } from '../../src/disk/filesystems/erofs/volume.ts';
import { openFileSource } from '../../src/sources/file.ts';
import { readProbe } from '../../src/sources/read.ts';
import { randomNumbers } from '../contract/packages.ts';
import { type Entry, hostTree, imageTree, openFilesystem } from '../support/read-only.ts';
import { temporaryFolder } from '../support/temp.ts';
import { describeWithTools, runTool, runToolSync } from '../support/tools.ts';
import { makeTree, payload } from './ext-images.ts';

const VARIANTS: Readonly<Record<string, readonly string[]>> = {
  'nothing compressed': [],
  'no tails behind inodes': ['-Enoinline_data'],
  'compact inodes': ['-Eforce-inode-compact', '-T1500000000'],
  'extended inodes': ['-Eforce-inode-extended'],
  lz4: ['-zlz4'],
  'lz4, its best, large clusters': ['-zlz4hc,12', '-C65536'],
  'large clusters of two blocks': ['-zlz4hc', '-C8192'],
  'full indexes, padded behind': ['-zlz4', '-Elegacy-compress'],
  'full indexes, large clusters': ['-zlz4', '-Elegacy-compress', '-C32768'],
  'tails behind indexes': ['-zlz4hc', '-Eztailpacking'],
  'tails behind indexes, large clusters': ['-zlz4hc', '-Eztailpacking', '-C16384'],
  'tails behind full indexes': ['-zlz4', '-Eztailpacking,legacy-compress'],
  'short extents': ['-zlz4hc', '--max-extent-bytes=8192'],
  'chunks in a list of blocks': ['--chunksize=4096', '-Eforce-inode-blockmap'],
  'chunks with indexes': ['--chunksize=65536', '-Eforce-chunk-indexes'],
};
const FILES = ['/big', '/medium', '/sparse', '/random', '/mixed', '/inline', '/huge sparse'];

/** Bytes that nothing compresses, the same every time. */
function noise(length: number): Buffer {
  const random = randomNumbers(length);
  return Buffer.from(Uint8Array.from({ length }, () => random(256)));
}

/** As `dump.erofs -e` prints it: from, to, place, stored. */
function shownMap(map: ContentMap): number[][] {
  return Array.from({ length: map.count }, (_, i) => [
    map.from[i]!,
    map.endOf(i),
    map.form[i] === FORM.hole ? 0 : map.place[i]!,
    map.form[i] === FORM.hole ? 0 : map.stored[i]!,
  ]);
}

/** What is not compressed: length for length, in pieces that each tool joins as it likes. */
function joined(extents: readonly number[][]): number[][] {
  const result: number[][] = [];
  for (const [from, to, place, stored] of extents as [number, number, number, number][]) {
    const last = result.at(-1);
    const isNext = last !== undefined && (stored === 0 ? last[3] === 0 : last[2]! + last[3]! === place);
    if (isNext && last !== undefined) {
      last[1] = to;
      last[3]! += stored;
    } else result.push([from, to, place, stored]);
  }
  return result;
}

describeWithTools(['mkfs.erofs', 'fsck.erofs', 'dump.erofs', 'blkid'], 'erofs against its tools', () => {
  const folder = temporaryFolder();
  const tree = join(folder, 'tree');
  const image = join(folder, 'image');

  beforeAll(() => {
    makeTree(tree);
    // mkfs.erofs 1.5 cannot take names of 255 bytes, which the fixtures have.
    renameSync(join(tree, 'names', 'n'.repeat(255)), join(tree, 'names', 'n'.repeat(254)));
    const huge = openSync(join(tree, 'huge sparse'), 'w');
    ftruncateSync(huge, 16 * 1024 * 1024 + 5);
    writeSync(huge, payload('huge', 100_000), 0, 100_000, 10 * 1024 * 1024);
    closeSync(huge);
    writeFileSync(join(tree, 'random'), noise(300_001));
    const mixed = [noise(30_001), payload('mix', 70_000), noise(50_000), payload('more', 200_000)];
    writeFileSync(join(tree, 'mixed'), Buffer.concat(mixed));
    writeFileSync(join(tree, 'copy of big'), payload('big', 2_500_000));
    lutimesSync(join(tree, 'tiny'), 0, 2_000_000_000);
  });

  async function make(args: readonly string[]): Promise<BlockSource> {
    rmSync(image, { force: true });
    await runTool('mkfs.erofs', ['--quiet', '-x-1', ...args, image, tree]);
    return openFileSource(image);
  }

  it.each(Object.entries(VARIANTS))('%s', async (_name, args) => {
    const source = await make(args);
    const opened = await openFilesystem(erofsDriver, source);
    const { filesystem, table, log } = opened;
    expect(log.list()).toEqual([]);
    const probe = erofsDriver.probe(await readProbe(source))!;
    const said = await runTool('blkid', ['-p', '-s', 'TYPE', '-s', 'UUID', '-o', 'export', image]);
    expect(said).toContain(`TYPE=${probe.type}\n`);
    expect(said).toContain(`UUID=${probe.uuid}\n`);

    // Against the tree that went in, and against what fsck.erofs extracts: every attribute and all content.
    const ours = await imageTree(opened);
    const extracted = join(folder, 'extracted');
    rmSync(extracted, { recursive: true, force: true });
    await runTool('fsck.erofs', [`--extract=${extracted}`, '--preserve', image]);
    const sorted = (entries: Map<string, Entry>) => [...entries].sort(([a], [b]) => (a < b ? -1 : 1));
    // fsck.erofs makes a file of every hard link, and leaves links as new as they are.
    const plain = (entries: Map<string, Entry>) =>
      sorted(entries).map(([path, entry]) => [
        path,
        { ...entry, links: 1, modified: entry.type === FILE_TYPE.symlink ? 0 : entry.modified },
      ]);
    expect(plain(ours)).toEqual(plain(hostTree(extracted)));
    const isOneTime = args.some((arg) => arg.startsWith('-T'));
    const untimed = (entries: Map<string, Entry>) =>
      sorted(entries).map(([path, entry]) => [path, isOneTime ? { ...entry, modified: 0 } : entry]);
    expect(untimed(ours)).toEqual(untimed(hostTree(tree)));

    // Against dump.erofs: where content lies, and what the filesystem is.
    const volume = new Volume(
      source,
      new RunContext({ log: new DiagnosticLog() }),
      await readSuperblock(source),
    );
    for (const path of FILES) {
      const shown = await runTool('dump.erofs', [`--path=${path}`, '-e', image]);
      const lines = shown.matchAll(/^ *\d+: +(\d+)\.\. *(\d+) \| +\d+ : +(\d+)\.\. *\d+ \| +(\d+)/gm);
      const theirs = [...lines].map((match) => match.slice(1).map(Number));
      const entry = table.child(0, path.slice(1));
      expect(table.inode[entry]).toBe(Number(/NID: (\d+)/.exec(shown)![1]));
      const map = await volume.map(await volume.inode(table.inode[entry]!));
      if (map.isCompressed) {
        expect([path, shownMap(map)]).toEqual([path, theirs]);
        const stored = theirs.reduce((sum, extent) => sum + extent[3]!, 0);
        expect(table.allocated[entry]).toBe(stored);
      } else {
        // They count the bytes of a file in its last block, we the block; holes have no place.
        const cut = (extents: number[][]) =>
          joined(extents).map(([from, to, place, stored]) => [from, to, stored === 0 ? 0 : place]);
        const holes = theirs.map(([from, to, place, stored]) => {
          const end = Math.min(to!, map.size);
          return place === 0 ? [from!, end, 0, 0] : [from!, end, place!, stored!];
        });
        expect([path, cut(shownMap(map))]).toEqual([path, cut(holes)]);
      }
    }
    const summary = await runTool('dump.erofs', ['-s', image]);
    expect(filesystem.size).toBe(4096 * Number(/Filesystem blocks: +(\d+)/.exec(summary)![1]));

    // All that content occupies is some file's; chunks of the same content are stored once and shown by each.
    const metadata = await filesystem.metadataExtents();
    let allocated = 0;
    for (let entry = 0; entry < table.count; entry++) {
      if ((table.flags[entry]! & FILE_FLAG.secondaryLink) !== 0 || table.type[entry] !== FILE_TYPE.file)
        continue;
      allocated += table.allocated[entry]!;
    }
    const content = filesystem.size - metadata.total;
    if (args.some((arg) => arg.startsWith('--chunksize'))) expect(allocated).toBeGreaterThan(content);
    else expect(allocated).toBe(content);
    expect((await filesystem.unusedExtents()).isEmpty).toBe(true);
    await source.close();
  });

  it('content on another device is refused by name', async () => {
    const source = await make(['--chunksize=65536', `--blobdev=${join(folder, 'blob')}`]);
    await expect(openFilesystem(erofsDriver, source)).rejects.toMatchObject({
      code: 'IMGOPT_EROFS_DEVICES',
      family: 'unsupported',
    });
    await source.close();
  });
});

describeWithTools(['python3'], "MicroLZMA against liblzma's encoder", () => {
  // A raw LZMA stream begins with a zero byte, where MicroLZMA has the inverted properties.
  const SCRIPT = `import lzma, sys
lc, lp, pb = map(int, sys.argv[1:4])
filters = [{'id': lzma.FILTER_LZMA1, 'preset': 6, 'lc': lc, 'lp': lp, 'pb': pb}]
sys.stdout.buffer.write(lzma.compress(sys.stdin.buffer.read(), format=lzma.FORMAT_RAW, filters=filters))`;
  const contents: readonly (readonly [string, Buffer])[] = [
    ['text', payload('text', 300_000)],
    ['noise', noise(20_000)],
    ['both', Buffer.concat([noise(9000), payload('a', 50_000), noise(9000), payload('a', 50_000)])],
    ['zeros', Buffer.alloc(200_000)],
    ['a byte', Buffer.from('x')],
  ];

  it.each([
    [3, 0, 2],
    [0, 0, 0],
    [4, 0, 0],
    [0, 4, 4],
    [2, 2, 3],
    [1, 3, 1],
  ])('decodes lc %i, lp %i, pb %i', (lc, lp, pb) => {
    for (const [name, content] of contents) {
      const packed = runToolSync('python3', ['-c', SCRIPT, String(lc), String(lp), String(pb)], content);
      expect(packed[0]).toBe(0);
      packed[0] = ~((pb * 5 + lp) * 9 + lc) & 0xff;
      for (const length of new Set([content.length, Math.ceil(content.length / 3), 1])) {
        const decoded = decodeMicroLzma(packed, length, true);
        expect(Buffer.compare(decoded, content.subarray(0, length)), `${name} ${length}`).toBe(0);
      }
      // An end marker follows, and what the stream has not got is no byte of it.
      expect(() => decodeMicroLzma(packed, content.length, false)).toThrow();
      expect(() => decodeMicroLzma(packed, content.length + 1, true)).toThrow();
      const half = packed.subarray(0, packed.length / 2);
      if (packed.length > 1000)
        expect(() => decodeMicroLzma(half, content.length, true)).toThrow('cut short');
    }
  });
});
