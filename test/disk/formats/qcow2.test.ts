/** qcow2 fixtures against what qemu-img read from them when they were made (expected.json). */
import { createHash } from 'node:crypto';
import { copyFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BlockSource } from '../../../src/core/contracts/source.ts';
import { qcow2Format } from '../../../src/disk/formats/qcow2/qcow2.ts';
import { rawFormat } from '../../../src/disk/formats/raw/raw.ts';
import { memorySource } from '../../../src/sources/memory.ts';
import { fixtureBytes, fixtureExpected, fixturePath } from '../../support/fixtures.ts';
import { openImage, openImageBytes, openImageSource, readAll, readMap } from '../../support/image-context.ts';
import { temporaryFolder } from '../../support/temp.ts';

const FORMATS = [qcow2Format, rawFormat];

interface Expected {
  size: number;
  sha256: string;
  snapshotBytes?: number;
  map: { start: number; length: number; depth: number; present: boolean; data: boolean }[];
}

const expected = fixtureExpected<Record<string, Expected>>('qcow2');
const folder = temporaryFolder();

describe.each(Object.keys(expected))('%s', (name) => {
  const { size, sha256, map } = expected[name]!;

  it('has the content that qemu-img converts, whatever the pieces', async () => {
    const { disk, diagnostics } = await openImage(fixturePath(`qcow2/${name}`), FORMATS);
    expect(disk.source.size).toBe(size);
    const content = await readAll(disk.source);
    expect(createHash('sha256').update(content).digest('hex')).toBe(sha256);
    await fc.assert(
      fc.asyncProperty(fc.nat(size - 1), fc.nat(40_000), async (offset, length) => {
        const target = Buffer.alloc(Math.min(length, size - offset), 0xa5);
        await disk.source.read(target, offset);
        expect(target.equals(content.subarray(offset, offset + target.length))).toBe(true);
      }),
      { numRuns: 200, seed: 1 },
    );
    expect(diagnostics()).toEqual([]);
    await disk.close();
  });

  it('has the map that qemu-img prints, and gives any part of it', async () => {
    const { disk } = await openImage(fixturePath(`qcow2/${name}`), FORMATS);
    const flat = (list: [number, number, string][]): [number, number, string][] =>
      list.reduce<[number, number, string][]>((joined, one) => {
        const last = joined.at(-1);
        if (last?.[2] === one[2]) last[1] = one[1];
        else joined.push([...one]);
        return joined;
      }, []);
    const theirs = flat(
      map.map((one) => [
        one.start,
        one.start + one.length,
        one.data ? `data ${one.depth === 0 ? 'own' : 'backing'}` : one.present ? 'zero' : 'hole',
      ]),
    );
    const ours = async (range?: { start: number; end: number }) =>
      flat(
        (await readMap(disk.source, range)).map((one) => [
          one.start,
          one.end,
          one.kind === 'data' ? `data ${one.stored > 0 ? 'own' : 'backing'}` : one.kind,
        ]),
      );
    expect(await ours()).toEqual(theirs);
    for (const [start, end] of [
      [1, size - 1],
      [511, 21_000],
      [40_000, 40_001],
      [100_000, 260_000],
    ] as const) {
      const clipped = theirs
        .filter((one) => one[1] > start && one[0] < end)
        .map((one): [number, number, string] => [Math.max(start, one[0]), Math.min(end, one[1]), one[2]]);
      expect(await ours({ start, end })).toEqual(clipped);
    }
    await disk.close();
  });
});

describe('what an image says of itself', () => {
  it('lists snapshots and the bytes that only they hold', async () => {
    const { disk } = await openImage(fixturePath('qcow2/snapshots.qcow2'), FORMATS);
    expect(disk.snapshotBytes).toBe(expected['snapshots.qcow2']!.snapshotBytes);
    expect(disk.snapshotBytes).toBeGreaterThan(0);
    expect(disk.details).toMatchObject({
      version: 3,
      compat: '1.1',
      clusterSize: 512,
      snapshots: [
        { id: '1', name: 'first', vmStateSize: 0, diskSize: 262144 },
        { id: '2', name: 'second' },
      ],
    });
    await disk.close();
  });

  it('lists bitmaps, subclusters and compression', async () => {
    const { disk } = await openImage(fixturePath('qcow2/subclusters.qcow2'), FORMATS);
    expect(disk.details).toMatchObject({
      extendedL2: true,
      clusterSize: 16384,
      bitmaps: [{ name: 'backup', granularity: 32768, enabled: true, inUse: false }],
      bitmapsConsistent: true,
    });
    await disk.close();
    const zstd = await openImage(fixturePath('qcow2/v3-zstd.qcow2'), FORMATS);
    expect(zstd.disk.details).toMatchObject({ compressionType: 'zstd', version: 3 });
    const extents = await readMap(zstd.disk.source);
    expect(extents.length).toBe(75); // 300 KiB in clusters of 4 KiB, each its own extent
    expect(extents.every((one) => one.compressed === true && one.stored > 0 && one.stored < 4096)).toBe(true);
    await zstd.disk.close();
  });

  it('charges no byte of the file to two compressed clusters', async () => {
    for (const name of ['v2-zlib.qcow2', 'v3-zstd.qcow2']) {
      const { disk } = await openImage(fixturePath(`qcow2/${name}`), FORMATS);
      const extents = await readMap(disk.source);
      const stored = extents.reduce((sum, one) => sum + one.stored, 0);
      // Beside data: header, refcount table and block, L1, and an L2 table per 32 KiB or 2 MiB.
      const bytes = fixtureBytes(`qcow2/${name}`);
      const clusterSize = 2 ** bytes.readUInt32BE(20);
      const tables = 4 + bytes.readUInt32BE(36);
      const slack = 512 + 6 * clusterSize;
      expect(stored).toBeLessThanOrEqual(bytes.length - tables * clusterSize);
      expect(stored).toBeGreaterThan(bytes.length - tables * clusterSize - slack);
      await disk.close();
    }
  });

  it('lists its files, the backing chain from the top down', async () => {
    const { disk } = await openImage(fixturePath('qcow2/v3-overlay.qcow2'), FORMATS);
    expect(disk.files.map((one) => [basename(one.path), one.role, one.format])).toEqual([
      ['v3-overlay.qcow2', 'image', 'qcow2'],
      ['v2-zlib.qcow2', 'backing', 'qcow2'],
    ]);
    expect(disk.details).toMatchObject({ backingFile: 'v2-zlib.qcow2', backingFormat: 'qcow2' });
    await disk.close();
  });

  it('reports the dirty and the corrupt bit and reads on', async () => {
    const bytes = fixtureBytes('qcow2/snapshots.qcow2');
    bytes[79]! |= 3; // incompatible features, bits 0 and 1
    const { disk, diagnostics } = await openImageBytes(bytes, qcow2Format);
    expect(diagnostics().map((one) => [one.severity, one.code])).toEqual([
      ['warning', 'IMGOPT_QCOW2_DIRTY'],
      ['error', 'IMGOPT_QCOW2_MARKED_CORRUPT'],
    ]);
    expect(disk.details).toMatchObject({ dirty: true, corrupt: true });
    const { sha256 } = expected['snapshots.qcow2']!;
    expect(
      createHash('sha256')
        .update(await readAll(disk.source))
        .digest('hex'),
    ).toBe(sha256);
  });

  it('names a backing file that is missing, or that is itself', async () => {
    const alone = join(folder, 'alone.qcow2');
    copyFileSync(fixturePath('qcow2/v3-overlay.qcow2'), alone);
    await expect(openImage(alone, FORMATS)).rejects.toMatchObject({
      family: 'unreadable',
      where: expect.arrayContaining(['backing file v2-zlib.qcow2']),
    });
    const loop = fixtureBytes('qcow2/v3-overlay.qcow2');
    const path = join(folder, 'v2-zlib.qcow2');
    writeFileSync(path, loop);
    await expect(openImage(path, FORMATS)).rejects.toMatchObject({ code: 'IMGOPT_BACKING_LOOP' });
  });
});

describe('reads of the host', () => {
  /** Counts reads that touch `at`. */
  function counting(bytes: Uint8Array, at: number): { source: BlockSource; count: () => number } {
    const inner = memorySource(bytes);
    let count = 0;
    const source: BlockSource = {
      ...inner,
      async read(target, offset) {
        if (offset <= at && at < offset + target.length) count++;
        await new Promise((resolve) => setImmediate(resolve));
        await inner.read(target, offset);
      },
    };
    return { source, count: () => count };
  }

  it('fetch an L2 table once for all who wait for it', async () => {
    const bytes = fixtureBytes('qcow2/v3-zstd.qcow2');
    const l2 = Number(bytes.readBigUInt64BE(Number(bytes.readBigUInt64BE(40))) & 0x00fffffffffffe00n);
    const { source, count } = counting(bytes, l2);
    const { disk } = await openImageSource(source, qcow2Format);
    const opened = count(); // opening reads up to 2 MiB of head
    const jobs = Array.from({ length: 50 }, (_, i) => disk.source.read(Buffer.alloc(100), i * 5000));
    await Promise.all(jobs);
    await readMap(disk.source);
    expect(count() - opened).toBe(1);
  });

  it('fetch a compressed cluster once for all who want a part of it, and then keep it', async () => {
    const bytes = fixtureBytes('qcow2/v3-zstd.qcow2');
    const l2 = Number(bytes.readBigUInt64BE(Number(bytes.readBigUInt64BE(40))) & 0x00fffffffffffe00n);
    const entry = bytes.readBigUInt64BE(l2 + 8 * 10); // cluster 10
    const host = Number(entry & ((1n << 58n) - 1n)); // 62 - (12 - 8) bits of offset
    const { source, count } = counting(bytes, host);
    const { disk } = await openImageSource(source, qcow2Format);
    const opened = count();
    const part = (i: number): Promise<void> => disk.source.read(Buffer.alloc(64), 10 * 4096 + i * 64);
    await Promise.all(Array.from({ length: 60 }, (_, i) => part(i)));
    await part(3);
    expect(count() - opened).toBe(1);
  });

  it('join clusters that lie together', async () => {
    const bytes = fixtureBytes('qcow2/snapshots.qcow2');
    const inner = memorySource(bytes);
    const reads: number[] = [];
    const source: BlockSource = {
      ...inner,
      read(target, offset) {
        reads.push(target.length);
        return inner.read(target, offset);
      },
    };
    const { disk } = await openImageSource(source, qcow2Format);
    await disk.source.read(Buffer.alloc(512), 0); // fetches the table
    reads.length = 0;
    await disk.source.read(Buffer.alloc(3072), 1024); // written at once: contiguous in the file
    expect(reads).toEqual([3072]);
  });
});
