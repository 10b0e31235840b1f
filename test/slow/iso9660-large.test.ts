/**
 * A file of over 4 GiB in an ISO image: xorriso writes it in extents of 4 GiB less a block (ECMA-119, 6.5.1: a record
 * for each). The file is one hole but for bytes around the ends of extents, and so is the image, so that it takes
 * next to no room; 7-Zip and isoinfo, which share no code with xorriso or us, are the referees.
 */
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import type { Report } from '../../src/core/contracts/report.ts';
import { isoDriver } from '../../src/disk/filesystems/iso9660/iso9660.ts';
import { openFileSource } from '../../src/sources/file.ts';
import { payload } from '../differential/ext-images.ts';
import { imgopt } from '../support/cli.ts';
import { openFilesystem } from '../support/read-only.ts';
import { temporaryFolder } from '../support/temp.ts';
import { describeWithTools, findTool, runTool } from '../support/tools.ts';

const GiB = 2 ** 30;
const MiB = 2 ** 20;
const SIZE = 8 * GiB + 300 * MiB + 7;
/** The longest extent that xorriso writes: 4 GiB less a block. */
const EXTENT = 4 * GiB - 2048;

describeWithTools(['xorriso', 'isoinfo', '7zz', 'dd', 'cmp'], 'an ISO image', () => {
  const folder = temporaryFolder();
  const tree = join(folder, 'tree');
  const big = join(tree, 'big');
  const image = join(folder, 'image.iso');

  beforeAll(() => {
    mkdirSync(tree);
    const file = openSync(big, 'w');
    ftruncateSync(file, SIZE);
    for (const at of [0, EXTENT - 70_000, 2 * EXTENT - 70_000, SIZE - 100_000])
      writeSync(file, payload(`at ${at}`, Math.min(140_000, SIZE - at)), 0, Math.min(140_000, SIZE - at), at);
    closeSync(file);
    writeFileSync(join(tree, 'behind'), payload('behind', 5000));
    const make = `"$0" -as mkisofs -quiet -iso-level 3 -R -J -o - "$1" | dd of="$2" bs=1M conv=sparse iflag=fullblock status=none`;
    execFileSync('bash', ['-o', 'pipefail', '-c', make, findTool('xorriso')!, tree, image], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    expect(statSync(image).size).toBeGreaterThan(SIZE);
    expect(statSync(image).blocks * 512).toBeLessThan(100 * MiB);
  });

  test('holds a file in three extents: size, every byte, and what it occupies', async () => {
    // The referees first: the file is there, whole.
    const listed = await runTool('7zz', ['l', '-slt', image]);
    expect(listed).toMatch(new RegExp(`Path = big\\nFolder = -\\nSize = ${SIZE}\\n`));
    execFileSync('bash', [
      '-o',
      'pipefail',
      '-c',
      '"$0" x -so "$1" big | cmp - "$2"',
      findTool('7zz')!,
      image,
      big,
    ]);
    // Flags of two digits, or sign-extended and cut: `00]`, `FFFF`.
    const isoinfo = await runTool('isoinfo', ['-l', '-i', image]);
    const extents = [...isoinfo.matchAll(/ (\d+) [A-Z][a-z]{2} [ \d]+\[ *(\d+) \S+ +BIG\.;1/g)];
    expect(extents.map(([, size]) => Number(size))).toEqual([EXTENT, EXTENT, SIZE - 2 * EXTENT]);

    const source = await openFileSource(image);
    const { filesystem, table, log } = await openFilesystem(isoDriver, source);
    expect(log.list()).toEqual([]);
    const entry = table.child(0, 'big');
    expect(table.size[entry]).toBe(SIZE);
    expect(table.allocated[entry]).toBe(Math.ceil(SIZE / 2048) * 2048);
    const content = await filesystem.open(table.inode[entry]!);
    expect(content.size).toBe(SIZE);
    const file = openSync(big, 'r');
    const ours = Buffer.alloc(8 * MiB);
    const theirs = Buffer.alloc(8 * MiB);
    for (let at = 0; at < SIZE; at += ours.length) {
      const length = Math.min(ours.length, SIZE - at);
      await content.read(ours.subarray(0, length), at);
      readSync(file, theirs, 0, length, at);
      if (ours.compare(theirs, 0, length, 0, length) !== 0)
        throw new Error(`differs within ${length} bytes of ${at}`);
    }
    closeSync(file);
    const metadata = await filesystem.metadataExtents();
    for (const [, size, block] of extents) {
      expect(metadata.contains(Number(block) * 2048)).toBe(false);
      expect(metadata.contains(Number(block) * 2048 + Number(size) - 1)).toBe(false);
    }
    await source.close();

    const { code, stdout } = await imgopt(['analyze', image, '--json']);
    expect(code).toBe(0);
    const report = JSON.parse(stdout) as Report;
    expect(report.files[0]).toMatchObject({ path: '/big', size: SIZE });
  });
});
