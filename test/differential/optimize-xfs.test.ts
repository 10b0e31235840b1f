/**
 * XFS through `optimize`: filesystems that a kernel filled (fragments, shared extents, sparse inodes, quotas) with
 * noise in all that xfs_db calls free. The output has dropped it, xfs_repair finds nothing, and every file's content,
 * read by the maps that xfs_db prints of the output, has the hash that the kernel gave.
 */
import { createHash } from 'node:crypto';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fixtureBytes } from '../support/fixtures.ts';
import { carve, MiB, noise, run } from '../support/optimize.ts';
import { temporaryFolder } from '../support/temp.ts';
import { describeWithTools, runTool, runToolSync } from '../support/tools.ts';
import { XFS_IMAGES } from '../support/xfs.ts';
import { xfsCheck, xfsContent, xfsFree, xfsInodes, xfsSuper } from '../support/xfsprogs.ts';

const START = MiB;

describeWithTools(['xfs_db', 'xfs_repair', 'sfdisk', 'qemu-img'], 'optimize of XFS', () => {
  const folder = temporaryFolder();

  /** GPT with the image as its only partition, noise in its free space. */
  function makeDisk(name: string): { disk: string; free: { start: number; end: number }[]; size: number } {
    const filesystem = join(folder, `${name}.xfs`);
    writeFileSync(filesystem, fixtureBytes(`xfs/${name}.img`));
    const free = name === 'dirty' ? [] : xfsFree(filesystem, xfsSuper(filesystem));
    const bytes = readFileSync(filesystem);
    for (const { start, end } of free) noise(end - start, start + 1).copy(bytes, start);
    const disk = join(folder, `${name}.raw`);
    writeFileSync(disk, '');
    truncateSync(disk, START + bytes.length + MiB);
    const sectors = `start=${START / 512}, size=${bytes.length / 512}`;
    runToolSync('sfdisk', ['-q', disk], Buffer.from(`label: gpt\n${sectors}\n`));
    const whole = readFileSync(disk);
    bytes.copy(whole, START);
    writeFileSync(disk, whole);
    return { disk, free, size: bytes.length };
  }

  test.each(['v5', 'small', 'v4', 'sparse'])(
    '%s: what is free is gone, every file is there',
    async (name) => {
      const { disk, free, size } = makeDisk(name);
      const output = join(folder, `${name}.qcow2`);
      const result = await run(disk, output, { to: 'qcow2' });
      const total = free.reduce((sum, { start, end }) => sum + end - start, 0);
      expect(result.filesystems).toMatchObject([{ type: 'xfs', dropped: total, kept: null }]);
      const raw = join(folder, `${name}.out`);
      await runTool('qemu-img', ['convert', '-O', 'raw', output, raw]);
      const image = carve(raw, START, size, join(folder, `${name}.root`));
      const bytes = readFileSync(image);
      for (const { start, end } of free) {
        expect(bytes.subarray(start, end).every((byte) => byte === 0)).toBe(true);
      }
      xfsCheck(image);
      const entries = Object.values(XFS_IMAGES[name]!.entries).filter((one) => one.sha256 !== undefined);
      const inodes = xfsInodes(image, [...new Set(entries.map(({ inode }) => inode))], true);
      const sb = xfsSuper(image);
      for (const { inode, sha256 } of entries) {
        const content = xfsContent(image, inodes.get(inode)!, sb);
        const found = createHash('sha256').update(content).digest('hex');
        expect({ inode, sha256: found }).toEqual({ inode, sha256 });
      }
    },
  );

  test('a dirty log keeps all of it', async () => {
    const { disk, size } = makeDisk('dirty');
    const output = join(folder, 'dirty.qcow2');
    const result = await run(disk, output, { to: 'qcow2' });
    expect(result.filesystems).toMatchObject([{ type: 'xfs', dropped: 0, kept: 'needs recovery' }]);
    const raw = join(folder, 'dirty.out');
    await runTool('qemu-img', ['convert', '-O', 'raw', output, raw]);
    expect(readFileSync(raw).equals(readFileSync(disk))).toBe(true);
    expect(size).toBe(fixtureBytes('xfs/dirty.img').length);
  });
});
