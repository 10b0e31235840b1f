/** Filesystems of several devices: put together in any order, with devices missing, damaged, doubled and cut short. */
import { describe, expect, it } from 'vitest';
import type { BlockSource } from '../../../../src/core/contracts/source.ts';
import { btrfsVolumes } from '../../../../src/disk/volumes/btrfs/btrfs.ts';
import { memorySource } from '../../../../src/sources/memory.ts';
import { readProbe } from '../../../../src/sources/read.ts';
import { sliceSource } from '../../../../src/sources/slice.ts';
import { BTRFS_IMAGES, codesOf, openBtrfs } from '../../../support/btrfs.ts';
import { fixtureBytes } from '../../../support/fixtures.ts';
import { assemble, hashOfSource, partitionsOf } from '../../../support/groups.ts';
import { contentOf } from '../../../support/volumes.ts';

const MiB = 1024 * 1024;
const devices = (name: string): Promise<BlockSource[]> => partitionsOf(fixtureBytes(`btrfs/${name}.img`));
const joined = async (sources: readonly BlockSource[]): Promise<BlockSource> =>
  (await assemble(btrfsVolumes, sources)).volume('array').source!;
/** sha256sum's, of the largest file. */
const { sums } = BTRFS_IMAGES['raid1']!;

async function largeOf(source: BlockSource) {
  const { filesystem, table, log } = await openBtrfs(source);
  const entry = Array.from({ length: table.count }, (_, i) => i).find((i) => table.path(i) === '/dir/large')!;
  return { log, filesystem, hash: await hashOfSource(await filesystem.open(table.inode[entry]!)) };
}

async function changed(source: BlockSource, change: (bytes: Uint8Array) => void): Promise<BlockSource> {
  const bytes = await contentOf(source);
  change(bytes);
  return memorySource(bytes);
}

describe('joining', () => {
  it('is asked for filesystems of several devices only', async () => {
    const [one] = await devices('raid1');
    expect(btrfsVolumes.probe(await readProbe(one!))?.certainty).toBe('certain');
    const alone = memorySource(fixtureBytes('btrfs/content.img'));
    expect(btrfsVolumes.probe(await readProbe(alone))).toBeUndefined();
    const [partition] = await devices('dup');
    expect(btrfsVolumes.probe(await readProbe(partition!))).toBeUndefined();
    expect(btrfsVolumes.probe(await readProbe(memorySource(new Uint8Array(100))))).toBeUndefined();
  });

  it('takes members in any order, and maps ranges back to them', async () => {
    const sources = await devices('raid10');
    const { groups, said } = await assemble(btrfsVolumes, [...sources].reverse());
    expect(said).toEqual([]);
    const [volume] = groups[0]!.volumes;
    expect(volume).toMatchObject({ type: 'btrfs', name: 'array', size: 4 * 96 * MiB, pinned: null });
    expect(volume!.uuid).toBe(BTRFS_IMAGES['raid10']!.super['fsid']);
    // Device 1 is the last of them.
    expect(volume!.toMembers({ start: 96 * MiB - 10, end: 96 * MiB + 10 })).toEqual([
      { member: 3, start: 96 * MiB - 10, end: 96 * MiB },
      { member: 2, start: 0, end: 10 },
    ]);
    const { hash, log } = await largeOf(volume!.source!);
    expect(hash).toBe(sums['dir/large']);
    expect(log.list()).toEqual([]);
  });

  it('leaves the end of a larger volume out', async () => {
    const [first, second] = await devices('raid1');
    const longer = memorySource(Buffer.concat([await contentOf(first!), Buffer.alloc(MiB, 1)]));
    const { hash, log } = await largeOf(await joined([longer, second!]));
    expect(hash).toBe(sums['dir/large']);
    expect(log.list()).toEqual([]);
  });

  it('takes the copy of a damaged superblock, and drops nothing then', async () => {
    const [first, second] = await devices('raid1');
    const damaged = await changed(second!, (bytes) => bytes.fill(0xff, 65536 + 300, 65536 + 400));
    const { filesystem, hash, log } = await largeOf(await joined([first!, damaged]));
    expect(hash).toBe(sums['dir/large']);
    expect(codesOf(log)).toEqual(['SUPERBLOCK_CHECKSUM']);
    await expect(filesystem.unusedExtents()).rejects.toThrow('its superblock is damaged');
  });

  it('reports a member whose superblocks are all damaged', async () => {
    const [first, second] = await devices('raid1');
    const damaged = await changed(second!, (bytes) => {
      bytes.fill(0xff, 65536 + 300, 65536 + 400);
      bytes.fill(0xff, 64 * MiB + 300, 64 * MiB + 400);
    });
    const { said } = await assemble(btrfsVolumes, [first!, damaged]);
    expect(said).toEqual(['error BTRFS_SUPERBLOCK_CHECKSUM at 2 > btrfs']);
  });

  it('reads no device twice', async () => {
    const [first, second] = await devices('raid1');
    const { groups, said } = await assemble(btrfsVolumes, [first!, second!, first!]);
    expect(said).toEqual(['error BTRFS_DUPLICATE at 3 > btrfs']);
    expect(groups[0]!.unread).toEqual([{ member: 2, start: 0, end: 96 * MiB }]);
    expect((await largeOf(groups[0]!.volumes[0]!.source!)).hash).toBe(sums['dir/large']);
  });

  it('reads nothing of one that is cut short', async () => {
    const [first, second] = await devices('raid1');
    const { groups, said } = await assemble(btrfsVolumes, [first!, sliceSource(second!, 0, 90 * MiB)]);
    expect(said).toEqual(['error BTRFS_TRUNCATED at btrfs > array']);
    expect(groups[0]!.volumes[0]!.source).toBeNull();
    expect(groups[0]!.volumes[0]!.places).toEqual([
      { member: 0, start: 0, end: 96 * MiB },
      { member: 1, start: 0, end: 90 * MiB },
    ]);
  });
});

describe('a device that is missing', () => {
  it.each([0, 1])('is named where only it holds something (RAID0 without device %i)', async (index) => {
    const sources = await devices('raid0');
    const source = await joined(sources.filter((_, i) => i !== index));
    const uuid = 'UUID [0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}';
    await expect(openBtrfs(source)).rejects.toThrow(
      new RegExp(`^device ${index + 1} \\(${uuid}\\) of its 2 devices is not here$`),
    );
  });

  it('is done without where all has copies (RAID10), and nothing is dropped', async () => {
    const sources = await devices('raid10');
    const { filesystem, hash, log } = await largeOf(await joined([sources[0]!, sources[1]!, sources[3]!]));
    expect(hash).toBe(sums['dir/large']);
    expect(codesOf(log)).toEqual(['DEGRADED']);
    expect(log.list()[0]!.severity).toBe('warning');
    await expect(filesystem.unusedExtents()).rejects.toThrow('a device is missing');
  });
});

describe('copies', () => {
  it('stand in for content that fails its checksum', async () => {
    const [first, second] = await devices('raid1');
    const text = Buffer.from('larg00000000512');
    const damaged = await changed(first!, (bytes) => {
      const at = Buffer.from(bytes.buffer).indexOf(text);
      expect(at).toBeGreaterThan(0);
      bytes[at + 5]! ^= 1;
    });
    expect((await largeOf(await joined([damaged, second!]))).hash).toBe(sums['dir/large']);
    const both = await changed(second!, (bytes) => {
      bytes[Buffer.from(bytes.buffer).indexOf(text) + 5]! ^= 1;
    });
    await expect(largeOf(await joined([damaged, both]))).rejects.toThrow('its content fails its checksum');
  });

  it('stand in for nodes that fail theirs', async () => {
    const [partition] = await devices('dup');
    const { filesystem } = await openBtrfs(partition!);
    const [, range] = [...(await filesystem.metadataExtents())];
    const damaged = await changed(partition!, (bytes) =>
      bytes.fill(0x55, range!.start, range!.start + 16384),
    );
    const { table, log } = await openBtrfs(damaged);
    expect(table.count).toBe(BTRFS_IMAGES['dup']!.entries.length);
    expect(codesOf(log)).toEqual(['COPY_USED']);
  });
});
