/** Random tables written by sfdisk and sgdisk, read back by us and by sfdisk. */
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { gptVolumes } from '../../src/disk/volumes/gpt/gpt.ts';
import { mbrVolumes } from '../../src/disk/volumes/mbr/mbr.ts';
import { openFileSource } from '../../src/sources/file.ts';
import { temporaryFolder } from '../support/temp.ts';
import { describeWithTools, runTool, runToolSync } from '../support/tools.ts';
import { readVolumes } from '../support/volumes.ts';

const folder = temporaryFolder();

interface SfdiskTable {
  partitiontable: {
    id: string;
    sectorsize: number;
    partitions?: { node: string; start: number; size: number; type: string; uuid?: string; name?: string }[];
  };
}

/** A fixed sequence of numbers below `below`. */
function sequence(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function blankDisk(name: string, size: number): string {
  const path = join(folder, name);
  writeFileSync(path, '');
  truncateSync(path, size);
  return path;
}

async function sfdisk(path: string): Promise<SfdiskTable['partitiontable']> {
  return (JSON.parse(await runTool('sfdisk', ['--json', path])) as SfdiskTable).partitiontable;
}

const MiB = 1 << 20;

describeWithTools(['sfdisk', 'blkid', 'sgdisk'], 'partition tables', () => {
  test.each([1, 2, 3, 4, 5, 6])('GPT with random partitions, seed %i', async (seed) => {
    const next = sequence(seed);
    const path = blankDisk(`gpt-${seed}`, (64 + next(4000)) * MiB + next(8) * 512);
    const lines = ['label: gpt'];
    let start = 2048;
    for (let i = 0; i < 1 + next(12); i++) {
      start += next(3) * 2048 + next(2) * 8;
      const size = 1 + next(9000);
      lines.push(`${2 + i * 2} : start=${start}, size=${size}, name="p ${i} ${next(1e9)}"`);
      start += size;
    }
    runToolSync('sfdisk', ['-q', path], Buffer.from(`${lines.join('\n')}\n`));
    const expected = await sfdisk(path);
    const source = await openFileSource(path);
    const { layout, codes } = await readVolumes(gptVolumes, source);
    await source.close();
    expect(codes).toEqual([]);
    expect(layout?.uuid).toBe(expected.id.toLowerCase());
    expect(
      layout?.volumes.map(({ index, start, size, type, uuid, name }) => ({
        index,
        start,
        size,
        type,
        uuid,
        name,
      })),
    ).toEqual(
      expected.partitions?.map((partition) => ({
        index: Number(partition.node.slice(path.length).replace('p', '')),
        start: partition.start * 512,
        size: partition.size * 512,
        type: partition.type.toLowerCase(),
        uuid: partition.uuid!.toLowerCase(),
        name: partition.name ?? null,
      })),
    );
  });

  test.each([11, 12, 13, 14])('MBR with logical partitions, seed %i', async (seed) => {
    const next = sequence(seed);
    const path = blankDisk(`mbr-${seed}-`, 4096 * MiB);
    const lines = ['label: dos', `label-id: 0x${(1 + next(2 ** 31)).toString(16)}`];
    let start = 2048;
    const primaries = 1 + next(3);
    for (let i = 0; i < primaries; i++) {
      const size = 1 + next(100_000);
      lines.push(`start=${start}, size=${size}, type=${['83', '82', 'c', '7'][next(4)]}`);
      start += size + next(5000);
    }
    const extended = start;
    lines.push(`start=${extended}, size=${8_000_000 - extended}, type=${['5', 'f', '85'][next(3)]}`);
    start += 2048;
    for (let i = 0; i < 3 + next(20); i++) {
      const size = 1 + next(200_000);
      lines.push(`start=${start}, size=${size}, type=83`);
      start += size + 2048 + next(3000);
    }
    runToolSync('sfdisk', ['-q', path], Buffer.from(`${lines.join('\n')}\n`));
    const expected = await sfdisk(path);
    const source = await openFileSource(path);
    const { layout, codes } = await readVolumes(mbrVolumes, source);
    await source.close();
    expect(codes).toEqual([]);
    expect(layout?.volumes.map(({ index, start, size, type }) => ({ index, start, size, type }))).toEqual(
      expected.partitions?.map((partition) => ({
        index: Number(partition.node.slice(path.length)),
        start: partition.start * 512,
        size: partition.size * 512,
        type: `0x${partition.type.padStart(2, '0')}`,
      })),
    );
    // blkid names the disk; a partition's PARTUUID is that and its number in hexadecimal.
    const id = (await runTool('blkid', ['-p', '-s', 'PTUUID', '-o', 'value', path])).trim();
    expect(layout?.volumes.map(({ uuid }) => uuid)).toEqual(
      layout?.volumes.map(({ index }) => `${id}-${index.toString(16).padStart(2, '0')}`),
    );
  });

  test('sgdisk sees the damage that we see, and repairs what we warn of', async () => {
    const path = blankDisk('damage', 64 * MiB);
    await runTool('sgdisk', ['-n', '1:2048:40000', '-n', '2:43008:0', '-c', '1:one', path]);
    truncateSync(path, 80 * MiB);
    const read = async (): Promise<string[]> => {
      const source = await openFileSource(path);
      const { codes } = await readVolumes(gptVolumes, source);
      await source.close();
      return codes;
    };
    expect(await read()).toEqual(['warning GPT_BACKUP_MISPLACED']);
    await runTool('sgdisk', ['-e', path]);
    expect(await read()).toEqual([]);
  });
});
