/**
 * NTFS through `optimize`: volumes with a history on a GPT disk, noise in all that $Bitmap (by ntfscat) calls free. The
 * output has dropped it, ntfsresize and ntfsfix find nothing, and every file has, read by ntfscat from the output, the
 * hash that ntfs-3g gave.
 */
import { createHash } from 'node:crypto';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CLEAN_NTFS, freeRanges, NTFS_IMAGES, ntfsImage } from '../support/ntfs.ts';
import { carve, MiB, noise, run } from '../support/optimize.ts';
import { temporaryFolder } from '../support/temp.ts';
import { describeWithTools, runTool, runToolSync } from '../support/tools.ts';

const START = MiB;

describeWithTools(['ntfscat', 'ntfsresize', 'ntfsfix', 'sfdisk', 'qemu-img'], 'optimize of NTFS', () => {
  const folder = temporaryFolder();

  /** GPT with the volume as its only partition, noise in its free clusters. */
  function makeDisk(name: string): { disk: string; free: { start: number; end: number }[]; size: number } {
    const bytes = ntfsImage(name);
    const free = freeRanges(NTFS_IMAGES[name]!);
    for (const { start, end } of free) noise(end - start, start + 1).copy(bytes, start);
    const disk = join(folder, `${name}.raw`);
    writeFileSync(disk, '');
    truncateSync(disk, START + bytes.length + MiB);
    const type = 'EBD0A0A2-B9E5-4433-87C0-68B6B72699C7';
    const sectors = `start=${START / 512}, size=${bytes.length / 512}, type=${type}`;
    runToolSync('sfdisk', ['-q', disk], Buffer.from(`label: gpt\n${sectors}\n`));
    const whole = readFileSync(disk);
    bytes.copy(whole, START);
    writeFileSync(disk, whole);
    return { disk, free, size: bytes.length };
  }

  test.each(CLEAN_NTFS)('%s: what is free is gone, every file is there', async (name) => {
    const { disk, free, size } = makeDisk(name);
    const output = join(folder, `${name}.qcow2`);
    const result = await run(disk, output, { to: 'qcow2' });
    const total = free.reduce((sum, { start, end }) => sum + end - start, 0);
    expect(result.filesystems).toMatchObject([{ type: 'ntfs', dropped: total, kept: null }]);
    const raw = join(folder, `${name}.out`);
    await runTool('qemu-img', ['convert', '-O', 'raw', output, raw]);
    const image = carve(raw, START, size, join(folder, `${name}.volume`));
    const bytes = readFileSync(image);
    for (const { start, end } of free)
      expect(bytes.subarray(start, end).every((byte) => byte === 0)).toBe(true);
    await runTool('ntfsresize', ['--info', '--force', '--no-progress-bar', image]);
    await runTool('ntfsfix', ['-n', image]);
    const entries = Object.values(NTFS_IMAGES[name]!.entries).filter((one) => one.sha256 !== undefined);
    // Those in clusters are what could go wrong; of the others, in records, some will do.
    const hashes = new Map(
      entries
        .filter(({ inode, allocated }) => allocated > 0 || inode % 20 === 0)
        .map(({ inode, sha256 }) => [inode, sha256]),
    );
    for (const [inode, sha256] of hashes) {
      const found = createHash('sha256')
        .update(runToolSync('ntfscat', ['-i', `${inode}`, image]))
        .digest('hex');
      expect({ inode, sha256: found }).toEqual({ inode, sha256 });
    }
  });

  test.each(['dirty', 'hibernated'])('%s: all of it is kept', async (name) => {
    const { disk } = makeDisk(name);
    const output = join(folder, `${name}.qcow2`);
    const result = await run(disk, output, { to: 'qcow2' });
    expect(result.filesystems).toMatchObject([{ type: 'ntfs', dropped: 0, kept: 'needs recovery' }]);
    const raw = join(folder, `${name}.out`);
    await runTool('qemu-img', ['convert', '-O', 'raw', output, raw]);
    expect(readFileSync(raw).equals(readFileSync(disk))).toBe(true);
  });
});
