/**
 * btrfs through `optimize`: filesystems that a kernel filled (snapshots, clones, compression, holes, arrays) with noise in
 * all that the extent tree, as `dump-tree` prints it, leaves free. The output has dropped it, `btrfs check` finds
 * nothing, and every file that `btrfs restore` gets out of it has the hash that the kernel gave.
 */
import { existsSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { memorySource } from '../../src/sources/memory.ts';
import { BTRFS_IMAGES, btrfsJoined, btrfsVolume, openBtrfs } from '../support/btrfs.ts';
import { btrfsCheck, btrfsSpace, btrfsTool } from '../support/btrfsprogs.ts';
import { fixtureBytes } from '../support/fixtures.ts';
import { hashOfSource } from '../support/groups.ts';
import { carve, MiB, noise, run, sha256 } from '../support/optimize.ts';
import { temporaryFolder } from '../support/temp.ts';
import { describeWithTools, runTool, runToolSync } from '../support/tools.ts';

const START = MiB;

describeWithTools(['btrfs', 'sfdisk', 'qemu-img'], 'optimize of btrfs', () => {
  const folder = temporaryFolder();

  /** GPT with the image as its only partition, noise in its free space. */
  function makeDisk(name: string): { disk: string; free: { start: number; end: number }[]; size: number } {
    const filesystem = join(folder, `${name}.btrfs`);
    writeFileSync(filesystem, fixtureBytes(`btrfs/${name}.img`));
    const free = name === 'log' ? [] : btrfsSpace(filesystem).unused;
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

  async function asRaw(image: string, name: string): Promise<string> {
    const raw = join(folder, `${name}.out`);
    await runTool('qemu-img', ['convert', '-O', 'raw', image, raw]);
    return raw;
  }

  test.each(['subvolumes', 'content', 'xxhash', 'sha256', 'blake2'])(
    '%s: what is free is gone, every file is there',
    async (name) => {
      const { disk, free, size } = makeDisk(name);
      const output = join(folder, `${name}.qcow2`);
      const result = await run(disk, output, { to: 'qcow2' });
      const total = free.reduce((sum, { start, end }) => sum + end - start, 0);
      expect(result.filesystems).toMatchObject([{ type: 'btrfs', dropped: total, kept: null }]);
      const image = carve(await asRaw(output, name), START, size, join(folder, `${name}.root`));
      const bytes = readFileSync(image);
      for (const { start, end } of free) {
        expect(bytes.subarray(start, end).every((byte) => byte === 0)).toBe(true);
      }
      btrfsCheck(image);
      const restored = join(folder, `${name}.restored`);
      mkdirSync(restored);
      btrfsTool('btrfs', ['restore', '-s', image, restored]);
      const { sums } = BTRFS_IMAGES[name]!;
      expect(Object.keys(sums).length).toBeGreaterThan(20);
      for (const [path, sum] of Object.entries(sums)) {
        const file = join(restored, path);
        // `btrfs restore` of 6.2 leaves files without extents out.
        const content = existsSync(file) ? readFileSync(file) : Buffer.alloc(0);
        expect({ path, sum: sha256(content) }).toEqual({ path, sum });
      }
    },
  );

  test.each(['dup', 'raid0', 'raid1', 'raid10'])('%s: every device drops what is free', async (name) => {
    const bytes = fixtureBytes(`btrfs/${name}.img`);
    const { filesystem } = await openBtrfs(await btrfsVolume(name));
    const disk = join(folder, `${name}.raw`);
    writeFileSync(disk, bytes);
    const output = join(folder, `${name}.qcow2`);
    const result = await run(disk, output, { to: 'qcow2' });
    const unused = await filesystem.unusedExtents();
    expect(result.filesystems).toMatchObject([{ type: 'btrfs', dropped: unused.total, kept: null }]);
    const written = memorySource(readFileSync(await asRaw(output, name)));
    expect(written.size).toBe(bytes.length);
    const { filesystem: again, table, log } = await openBtrfs(await btrfsJoined(written));
    expect(log.list()).toEqual([]);
    const sums: Record<string, string> = {};
    for (let entry = 0; entry < table.count; entry++) {
      if (table.type[entry] !== 1) continue;
      sums[table.path(entry).slice(1)] = await hashOfSource(await again.open(table.inode[entry]!));
    }
    expect(sums).toEqual(BTRFS_IMAGES[name]!.sums);
  });

  test('a log tree keeps all of it', async () => {
    const { disk } = makeDisk('log');
    const output = join(folder, 'log.qcow2');
    const result = await run(disk, output, { to: 'qcow2' });
    expect(result.filesystems).toMatchObject([{ type: 'btrfs', dropped: 0, kept: 'needs recovery' }]);
    expect(readFileSync(await asRaw(output, 'log')).equals(readFileSync(disk))).toBe(true);
  });
});
