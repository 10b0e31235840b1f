/**
 * NTFS of every geometry that mkntfs makes, filled by ntfscp, and volumes with a history (test/fixtures/ntfs), against
 * three readers that share no code: ntfsprogs, 7-Zip and The Sleuth Kit. And poison: noise in every cluster that is
 * called unused changes no file and nothing that ntfsresize and ntfsfix look at.
 */
import { createHash } from 'node:crypto';
import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Filesystem } from '../../src/core/contracts/filesystem.ts';
import type { ByteRange } from '../../src/core/extents.ts';
import { FILE_TYPE } from '../../src/core/file-table.ts';
import { ntfsDriver } from '../../src/disk/filesystems/ntfs/ntfs.ts';
import { openFileSource } from '../../src/sources/file.ts';
import { readProbe } from '../../src/sources/read.ts';
import { writeSparse } from '../support/fixtures.ts';
import { CLEAN_NTFS, NTFS_IMAGES, ntfsImage, openNtfs } from '../support/ntfs.ts';
import { temporaryFolder } from '../support/temp.ts';
import { describeWithTools, runTool, runToolSync } from '../support/tools.ts';
import { contentOf, latin1Path } from '../support/xfs.ts';
import { payload } from './ext-images.ts';

const MiB = 1024 * 1024;
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Noise where nothing is in use. */
function poison(path: string, unused: Iterable<ByteRange>): void {
  const file = openSync(path, 'r+');
  const noise = Buffer.alloc(MiB, 'POISON\xff');
  for (const { start, end } of unused)
    for (let at = start; at < end; at += noise.length)
      writeSync(file, noise, 0, Math.min(noise.length, end - at), at);
  closeSync(file);
}

/** ntfsresize counts the clusters of all runs and holds them against $Bitmap; both tools fail when they find anything. */
async function check(image: string): Promise<void> {
  await runTool('ntfsresize', ['--info', '--force', '--no-progress-bar', image]);
  await runTool('ntfsfix', ['-n', image]);
}

/** $Bitmap, as ntfscat gives it. */
function freeByBitmap(image: string, clusters: number, clusterSize: number): ByteRange[] {
  const bitmap = runToolSync('ntfscat', ['-f', '-i', '6', image]);
  const free: ByteRange[] = [];
  for (let cluster = 0; cluster < clusters; cluster++) {
    if ((bitmap[cluster >>> 3]! >>> (cluster & 7)) & 1) continue;
    const last = free.at(-1);
    const start = cluster * clusterSize;
    if (last?.end === start) last.end += clusterSize;
    else free.push({ start, end: start + clusterSize });
  }
  return free;
}

/** MiB, sector size, cluster size. */
const SHAPES: readonly [number, number, number][] = [
  [8, 512, 512],
  [9, 512, 1024],
  [16, 512, 2048],
  [16, 1024, 1024],
  [32, 2048, 8192],
  [48, 4096, 16_384],
  [64, 512, 32_768],
  [96, 512, 65_536],
  [200, 512, 131_072],
  [300, 4096, 524_288],
  [700, 512, 1_048_576],
  [900, 512, 2_097_152],
];

describeWithTools(
  ['mkntfs', 'ntfscp', 'ntfsinfo', 'ntfsls', 'ntfscat', 'ntfsresize', 'ntfsfix', 'blkid'],
  'ntfs against ntfsprogs',
  () => {
    const folder = temporaryFolder();
    const image = join(folder, 'image');

    function make([size, sector, cluster]: readonly [number, number, number]): Map<string, Buffer> {
      rmSync(image, { force: true });
      writeFileSync(image, '');
      truncateSync(image, size * MiB);
      const geometry = ['-s', `${sector}`, '-c', `${cluster}`, '-p', '2048', '-H', '255', '-S', '63'];
      runToolSync('mkntfs', ['-q', '-F', '-Q', '-L', `${cluster} ünd`, ...geometry, image]);
      const contents = new Map<string, Buffer>();
      for (const [name, length] of [
        ['empty', 0],
        ['tiny', 33],
        ['resident-or-not', 700],
        ['a sector', 512],
        ['odd', 70_001],
        ['größer ☃', 2_500_000],
      ] as const) {
        const bytes = payload(name, length);
        const host = join(folder, 'content');
        writeFileSync(host, bytes);
        runToolSync('ntfscp', ['-q', '-f', image, host, `/${name}`]);
        contents.set(`/${name}`, bytes);
      }
      return contents;
    }

    it.each(SHAPES)('%i MiB, sectors of %i, clusters of %i', async (...shape) => {
      const contents = make(shape);
      const [size, sectorSize, clusterSize] = shape;
      const source = await openFileSource(image);
      const { filesystem, table, log } = await openNtfs(source);
      expect(log.list()).toEqual([]);
      const probe = ntfsDriver.probe(await readProbe(source))!;
      for (const [tag, ours] of [
        ['TYPE', probe.type],
        ['LABEL', filesystem.label],
        ['UUID', probe.uuid],
      ] as const) {
        const said = (await runTool('blkid', ['-p', '-s', tag, '-o', 'value', image])).replace(/\n$/, '');
        expect(ours ?? '').toBe(said);
      }
      const info = await runTool('ntfsinfo', ['-m', image]);
      const value = (key: string): number => Number(new RegExp(`^\\t${key}: (\\d+)`, 'm').exec(info)![1]);
      expect([value('Sector Size'), value('Cluster Size')]).toEqual([sectorSize, clusterSize]);
      expect(filesystem.blockSize).toBe(clusterSize);
      expect(filesystem.size).toBe(size * MiB);
      expect(filesystem.usage().unused).toBe(value('Free Clusters') * clusterSize);
      const unused = await filesystem.unusedExtents();
      expect([...unused]).toEqual(freeByBitmap(image, value('Volume Size in Clusters'), clusterSize));
      const metadata = await filesystem.metadataExtents();
      expect(metadata.intersect(unused).isEmpty).toBe(true);

      const names = (await runTool('ntfsls', ['-i', image])).trim().split('\n');
      const ours: string[] = [];
      let allocated = 0;
      for (let entry = 1; entry < table.count; entry++) {
        ours.push(`${table.inode[entry]} ${table.name(entry)}`);
        const dump = await runTool('ntfsinfo', ['-i', `${table.inode[entry]}`, image]);
        const sizes = [...dump.matchAll(/Resident: \t\t No[\s\S]*?Allocated size:\t\t (\d+)/g)];
        const sum = sizes.reduce((total, match) => total + Number(match[1]), 0);
        expect({ path: table.path(entry), allocated: table.allocated[entry] }).toEqual({
          path: table.path(entry),
          allocated: sum,
        });
        allocated += sum;
      }
      expect(ours.sort()).toEqual(names.map((line) => line.trim()).sort());
      expect(filesystem.size - unused.total - metadata.total).toBe(allocated);

      const same = async (): Promise<void> => {
        for (let entry = 1; entry < table.count; entry++) {
          const bytes = contents.get(table.path(entry))!;
          expect(table.size[entry]).toBe(bytes.length);
          expect(await contentOf(filesystem, table.inode[entry]!)).toEqual(bytes);
          expect(runToolSync('ntfscat', ['-i', `${table.inode[entry]}`, image]).equals(bytes)).toBe(true);
        }
      };
      await same();
      poison(image, unused);
      await check(image);
      await same();
      await source.close();
    });

    it.each(CLEAN_NTFS)('%s: noise in what is unused changes nothing', async (name) => {
      writeSparse(image, ntfsImage(name));
      await check(image);
      const before = await openNtfs(ntfsImage(name));
      poison(image, await before.filesystem.unusedExtents());
      await check(image);
      const source = await openFileSource(image);
      const { filesystem, table, log } = await openNtfs(source);
      expect(table.firstDifference(before.table)).toBeUndefined();
      expect(log.list()).toEqual([]);
      const wanted = Object.values(NTFS_IMAGES[name]!.entries).filter((one) => one.sha256 !== undefined);
      const hashes = new Map(wanted.map((one) => [one.inode, one.sha256]));
      for (const [inode, hash] of hashes) {
        expect({ inode, hash: sha256(await contentOf(filesystem, inode)) }).toEqual({ inode, hash });
        const theirs = sha256(runToolSync('ntfscat', ['-i', `${inode}`, image]));
        expect({ inode, hash: theirs }).toEqual({ inode, hash });
      }
      await source.close();
    });
  },
);

interface Opened {
  readonly path: string;
  readonly filesystem: Filesystem;
  /** Path to record, of everything but the root. */
  readonly entries: Map<string, number>;
}

async function openFixture(folder: string, name: string): Promise<Opened> {
  const path = join(folder, `${name}.img`);
  writeSparse(path, ntfsImage(name));
  const { filesystem, table } = await openNtfs(ntfsImage(name));
  const entries = new Map<string, number>();
  for (let entry = 1; entry < table.count; entry++)
    entries.set(latin1Path(table, entry), table.inode[entry]!);
  return { path, filesystem, entries };
}

const latin1 = (text: string): string => Buffer.from(text).toString('latin1');
/** 7-Zip and The Sleuth Kit print something else for half a surrogate pair. */
const isPrintable = (path: string): boolean => !path.startsWith('/names/half-');

describeWithTools(['7zz'], 'ntfs against 7-Zip', () => {
  const folder = temporaryFolder();

  // It opens no volume whose MFT has an attribute list, and none of 4096-byte sectors.
  it.each(['windows', 'small', 'clusters'])('%s: names, sizes, places', async (name) => {
    const { path, filesystem, entries } = await openFixture(folder, name);
    const listing = await runTool('7zz', ['l', '-slt', '-sccUTF-8', path]);
    const theirs = new Map<string, number>();
    const { table } = await openNtfs(ntfsImage(name));
    const entryOf = new Map(Array.from({ length: table.count }, (_, entry) => [table.inode[entry]!, entry]));
    const packed = new Map<number, number>();
    for (const part of listing.split('----------\n')[1]!.split('\n\n')) {
      const field = (key: string): string => new RegExp(`^${key} = ?(.*)$`, 'm').exec(part)?.[1] ?? '';
      const file = field('Path');
      if (file === '' || file.startsWith('[')) continue;
      const inode = Number(field('iNode'));
      const entry = entryOf.get(inode)!;
      if (field('Alternate Stream') === '+') {
        if (Number(field('Blocks')) > 0)
          packed.set(inode, (packed.get(inode) ?? 0) + Number(field('Packed Size')));
        continue;
      }
      if (!isPrintable(`/${file}`)) continue;
      expect(theirs.has(`/${latin1(file)}`)).toBe(false); // 8.3 names would be a second time
      theirs.set(`/${latin1(file)}`, inode);
      if (field('Folder') === '+') continue;
      expect({ file, size: table.size[entry] }).toEqual({ file, size: Number(field('Size')) });
    }
    const ours = [...entries].filter(([one]) => isPrintable(one)).sort();
    expect(ours).toEqual([...theirs].sort());
    for (const [inode, bytes] of packed)
      expect(table.allocated[entryOf.get(inode)!]!).toBeGreaterThanOrEqual(bytes);
    expect(filesystem.type).toBe('ntfs');
  });

  it.each(['windows', 'small'])('%s: what it decompresses', async (name) => {
    const { path, filesystem, entries } = await openFixture(folder, name);
    const target = join(folder, `${name}-out`);
    mkdirSync(target);
    await runTool('7zz', ['x', '-y', `-o${target}`, path, 'compressed', 'big']);
    let count = 0;
    for (const [file, inode] of entries) {
      if (!/^\/(compressed\/|big$)/.test(file)) continue;
      const isSame = (await contentOf(filesystem, inode)).equals(readFileSync(join(target, file)));
      expect({ file, isSame }).toEqual({ file, isSame: true });
      count++;
    }
    expect(count).toBe(8);
  });
});

describeWithTools(['fls', 'icat', 'blkls'], 'ntfs against The Sleuth Kit', () => {
  const folder = temporaryFolder();

  // It knows clusters of up to 64 KiB.
  it.each(CLEAN_NTFS.filter((name) => name !== 'clusters'))(
    '%s: names, content, unallocated clusters',
    async (name) => {
      const { path, filesystem, entries } = await openFixture(folder, name);
      const { table } = await openNtfs(ntfsImage(name));
      const theirs = new Map<string, number>();
      for (const line of (await runTool('fls', ['-r', '-p', '-u', path])).split('\n')) {
        // Type by name and by record, record-attribute-instance; streams follow a colon, orphans are of The Sleuth Kit.
        const match = /^(\S)\/\S (\d+)-\d+-\d+:\t(.*)$/.exec(line);
        if (match === null || Number(match[2]) < 16 || /^\$Extend\/|^\$OrphanFiles|:/.test(match[3]!))
          continue;
        theirs.set(`/${latin1(match[3]!)}`, Number(match[2]));
      }
      const ours = [...entries].filter(([one]) => isPrintable(one)).sort();
      const printable = [...theirs].filter(([one]) => entries.has(one) || !/\/half-/.test(one));
      expect(ours).toEqual(printable.sort());
      const { clusterSize } = NTFS_IMAGES[name]!;
      const free: ByteRange[] = [];
      for (const line of (await runTool('blkls', ['-l', path])).split('\n')) {
        const match = /^(\d+)\|f$/.exec(line);
        if (match === null) continue;
        const start = Number(match[1]) * clusterSize;
        const last = free.at(-1);
        if (last?.end === start) last.end += clusterSize;
        else free.push({ start, end: start + clusterSize });
      }
      expect([...(await filesystem.unusedExtents())]).toEqual(free);
      let count = 0;
      for (let entry = 0; entry < table.count; entry++) {
        if (
          table.type[entry] !== FILE_TYPE.file ||
          table.allocated[entry] === 0 ||
          table.path(entry).startsWith('/holes/')
        )
          continue;
        if (table.path(entry) === '/overlay') continue;
        const inode = table.inode[entry]!;
        const isSame = (await contentOf(filesystem, inode)).equals(
          runToolSync('icat', [path, `${inode}-128`]),
        );
        expect({ path: table.path(entry), isSame }).toEqual({ path: table.path(entry), isSame: true });
        count++;
      }
      expect(count).toBeGreaterThan(name === 'pieces' ? 0 : 4);
    },
  );
});
