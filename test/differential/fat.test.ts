/**
 * FAT volumes with a history of copies and deletions by mtools, held against mdir, mtype and fsck.fat; and the
 * poison test: noise in every unused cluster changes no file and nothing that fsck.fat minds.
 */
import { createHash } from 'node:crypto';
import { closeSync, mkdirSync, openSync, rmSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fatDriver } from '../../src/disk/filesystems/fat/fat.ts';
import { openFileSource } from '../../src/sources/file.ts';
import { temporaryFolder } from '../support/temp.ts';
import { describeWithTools, runTool, runToolSync } from '../support/tools.ts';
import { codesOf, contentOf, filesOf, scanFilesystem } from '../support/volumes.ts';

const folder = temporaryFolder();
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Bits, size in KiB, sector size, sectors per cluster. */
const SHAPES: [number, number, number, number][] = [
  [12, 1440, 512, 1],
  [12, 8000, 512, 8],
  [12, 4000, 4096, 1],
  [16, 20_000, 512, 4],
  [16, 80_000, 512, 32],
  [32, 40_000, 512, 1],
  [32, 280_000, 4096, 1],
  [32, 80_000, 512, 2],
];

/** Makes a volume and fills it; returns what went in, by path. */
function make(
  name: string,
  [bits, kib, sector, perCluster]: (typeof SHAPES)[number],
): { path: string; content: Map<string, Buffer> } {
  const path = join(folder, name);
  writeFileSync(path, '');
  truncateSync(path, kib * 1024);
  runToolSync('mkfs.vfat', [
    '-F',
    `${bits}`,
    '-S',
    `${sector}`,
    '-s',
    `${perCluster}`,
    '-n',
    'HISTORY',
    '-i',
    'cafe1234',
    path,
  ]);
  const cluster = sector * perCluster;
  const source = join(folder, `${name}-source`);
  const content = new Map<string, Buffer>();
  const stage = (relative: string, size: number): void => {
    const bytes = Buffer.alloc(size);
    for (let at = 0; at < size; at += 16)
      bytes.write(`${relative} ${at}`.slice(-16).padStart(16), at, 'latin1');
    mkdirSync(join(source, relative, '..'), { recursive: true });
    writeFileSync(join(source, relative), bytes);
    content.set(`/${relative}`, bytes);
  };
  const copy = (): void => {
    const names = ['first', 'second'].map((part) => join(source, part));
    runToolSync('mcopy', ['-s', '-o', '-i', path, ...names, '::/']);
  };
  for (let i = 0; i < 40; i++) stage(`first/small ${i}.txt`, (i * 997) % (3 * cluster));
  for (let i = 0; i < 4; i++) stage(`second/Deep ${i}/${'x'.repeat(200)}/y/file.${i}`, cluster + i);
  copy();
  // Every third goes, and what comes after fills the gaps in pieces.
  for (let i = 0; i < 40; i += 3) {
    runToolSync('mdel', ['-i', path, `::/first/small ${i}.txt`]);
    content.delete(`/first/small ${i}.txt`);
  }
  const big = Buffer.alloc(37 * cluster + 5, 'fragmented ');
  writeFileSync(join(folder, 'big'), big);
  runToolSync('mcopy', ['-i', path, join(folder, 'big'), '::/first/big one']);
  content.set('/first/big one', big);
  return { path, content };
}

describeWithTools(['mkfs.vfat', 'mcopy', 'mdel', 'mdir', 'fsck.fat'], 'FAT', () => {
  test.each(SHAPES)('FAT%i of %i KiB, sectors of %i, %i per cluster', async (...shape) => {
    const { path, content } = make(shape.join('-'), shape);
    const source = await openFileSource(path);
    const { filesystem, table, log } = await scanFilesystem(fatDriver, source);
    expect(codesOf(log)).toEqual([]);
    expect(filesystem).toMatchObject({ label: 'HISTORY', uuid: 'CAFE-1234', features: [`FAT${shape[0]}`] });

    // Every path that mdir lists, directories with a slash behind.
    const listed = (await runTool('mdir', ['-/', '-b', '-i', path, '::'])).trim().split('\n');
    const paths = [];
    for (let i = 1; i < table.count; i++) paths.push(`::${table.path(i)}${table.isDirectory(i) ? '/' : ''}`);
    expect(paths.sort()).toEqual(listed.sort());

    // Every file's bytes are those that went in.
    const files = filesOf(table);
    expect([...files.keys()].sort()).toEqual([...content.keys()].sort());
    const hashes = new Map<string, string>();
    for (const [name, entry] of files) {
      const read = await contentOf(await filesystem.open(table.inode[entry]!));
      hashes.set(name, sha256(read));
      expect(hashes.get(name)).toBe(sha256(content.get(name)!));
    }

    // fsck.fat's count of clusters.
    const fsck = await runTool('fsck.fat', ['-n', path]);
    const [, used, clusters] = /(\d+)\/(\d+) clusters/.exec(fsck)!;
    const unused = await filesystem.unusedExtents();
    expect(unused.total).toBe((Number(clusters) - Number(used)) * filesystem.blockSize);

    // Poison: noise where nothing is said to be, at both ends of every stretch.
    const file = openSync(path, 'r+');
    const noise = Buffer.alloc(1 << 20, 'POISON! ');
    for (const { start, end } of unused) {
      const length = Math.min(noise.length, end - start);
      writeSync(file, noise, 0, length, start);
      writeSync(file, noise, 0, length, end - length);
    }
    closeSync(file);
    expect(await runTool('fsck.fat', ['-n', path])).toBe(fsck);
    const after = await scanFilesystem(fatDriver, source);
    for (const [name, entry] of filesOf(after.table)) {
      expect(sha256(await contentOf(await after.filesystem.open(after.table.inode[entry]!)))).toBe(
        hashes.get(name),
      );
    }
    const again = runToolSync('mtype', ['-i', path, '::/first/big one']);
    expect(sha256(again)).toBe(hashes.get('/first/big one'));
    await source.close();
    rmSync(path);
  });
});
