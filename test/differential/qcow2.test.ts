/**
 * qcow2 against qemu-img: every byte against `convert -O raw`, the map against `map --output=json` with its
 * depth, the space of snapshots against what qemu frees when it deletes them.
 */
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { BlockExtent, BlockSource } from '../../src/core/contracts/source.ts';
import { qcow2Format } from '../../src/disk/formats/qcow2/qcow2.ts';
import { rawFormat } from '../../src/disk/formats/raw/raw.ts';
import { openImage, positionCoded, randomFrom, readAll, readMap } from '../support/image-context.ts';
import { temporaryFolder } from '../support/temp.ts';
import { describeWithTools, runTool } from '../support/tools.ts';

const FORMATS = [qcow2Format, rawFormat];
const KiB = 1024;
const MiB = 1024 * KiB;

interface QemuExtent {
  start: number;
  length: number;
  depth: number;
  present: boolean;
  zero: boolean;
  data: boolean;
}

/** A map as [start, end, kind, own]: `own` is false for data that a backing file holds. */
type Flat = [number, number, string, boolean][];

function flatten(extents: Iterable<[number, number, string, boolean]>): Flat {
  const flat: Flat = [];
  for (const [start, end, kind, own] of extents) {
    const last = flat.at(-1);
    if (last !== undefined && last[2] === kind && last[3] === own) last[1] = end;
    else flat.push([start, end, kind, own]);
  }
  return flat;
}

function ours(extents: readonly BlockExtent[]): Flat {
  return flatten(extents.map((one) => [one.start, one.end, one.kind, one.kind === 'data' && one.stored > 0]));
}

async function theirs(path: string): Promise<Flat> {
  const extents = JSON.parse(await runTool('qemu-img', ['map', '--output=json', path])) as QemuExtent[];
  return flatten(
    extents.map((one) => {
      const kind = one.data ? 'data' : one.present ? 'zero' : 'hole';
      return [one.start, one.start + one.length, kind, one.data && one.depth === 0];
    }),
  );
}

/** Content, map and random unaligned reads of an image equal what qemu-img makes of it. */
async function compare(path: string, options: { map?: boolean } = {}): Promise<Buffer> {
  const raw = `${path}.referee`;
  await runTool('qemu-img', ['convert', '-O', 'raw', path, raw]);
  const expected = readFileSync(raw);
  const { disk } = await openImage(path, FORMATS);
  try {
    expect(disk.source.size).toBe(expected.length);
    const content = await readAll(disk.source, 333_333);
    expect(firstDifference(content, expected)).toBe(-1);
    await compareRandomReads(disk.source, expected);
    if (options.map ?? true) expect(ours(await readMap(disk.source))).toEqual(await theirs(path));
  } finally {
    await disk.close();
  }
  return expected;
}

function firstDifference(a: Buffer, b: Buffer): number {
  if (a.equals(b)) return -1;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return i;
  return Math.min(a.length, b.length);
}

async function compareRandomReads(source: BlockSource, expected: Buffer): Promise<void> {
  const random = randomFrom(source.size);
  const jobs: Promise<void>[] = [];
  for (let i = 0; i < 60; i++) {
    const offset = Math.floor(random() * source.size);
    const length = Math.min(source.size - offset, Math.floor(random() ** 4 * 600_000));
    const target = Buffer.alloc(length, 0x5a);
    jobs.push(
      source.read(target, offset).then(() => {
        expect(firstDifference(target, expected.subarray(offset, offset + length))).toBe(-1);
      }),
    );
  }
  await Promise.all(jobs); // all at once: in-flight sharing is part of what is tested
}

async function io(path: string, ...commands: string[]): Promise<void> {
  await runTool('qemu-io', ['-f', 'qcow2', ...commands.flatMap((one) => ['-c', one]), path]);
}

describeWithTools(['qemu-img', 'qemu-io'], 'qcow2 against qemu-img', () => {
  const folder = temporaryFolder();
  let made = 0;
  const path = (name: string): string => join(folder, `${name}-${made++}.qcow2`);

  /** A raw disk of 5 MiB and some, with text, noise, zeros and holes in stretches that fit no cluster. */
  const sample = join(folder, 'sample.raw');
  const random = randomFrom(7);
  const disk = Buffer.alloc(5 * MiB + 3 * 512);
  for (let at = 0; at < disk.length; ) {
    const length = Math.min(disk.length - at, 512 * Math.ceil(random() ** 3 * 900));
    const kind = random();
    if (kind < 0.4) positionCoded(at, length, 'base').copy(disk, at);
    else if (kind < 0.6) for (let i = 0; i < length; i++) disk[at + i] = random() * 256;
    at += length;
  }
  writeFileSync(sample, disk);

  for (const clusterSize of [512, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072, 524288, 2 * MiB]) {
    it(`reads clusters of ${clusterSize}, plain and compressed, versions 2 and 3`, async () => {
      for (const [options, ...flags] of [
        ['compat=0.10'],
        ['compat=0.10', '-c'],
        ['compat=1.1'],
        ['compat=1.1,compression_type=zstd', '-c'],
      ]) {
        const image = path(`c${clusterSize}`);
        await runTool('qemu-img', [
          ...['convert', ...flags, '-f', 'raw', '-O', 'qcow2'],
          ...['-o', `${options},cluster_size=${clusterSize}`, sample, image],
        ]);
        expect(firstDifference(await compare(image), disk)).toBe(-1);
      }
    });
  }

  for (const clusterSize of [16384, 65536, 2 * MiB]) {
    it(`reads extended L2 entries in clusters of ${clusterSize}`, async () => {
      const options = `extended_l2=on,cluster_size=${clusterSize}`;
      for (const flags of [[], ['-c']]) {
        const image = path('ext');
        await runTool('qemu-img', ['convert', ...flags, '-O', 'qcow2', '-o', options, sample, image]);
        await compare(image);
      }
      const base = path('ext-base');
      await runTool('qemu-img', ['convert', '-O', 'qcow2', sample, base]);
      const image = path('ext-over');
      await runTool('qemu-img', [
        'create',
        '-q',
        '-f',
        'qcow2',
        '-F',
        'qcow2',
        '-b',
        base,
        '-o',
        options,
        image,
      ]);
      const sub = clusterSize / 32;
      await io(
        image,
        `write -P 0x11 ${sub} ${sub}`,
        `write -P 0x22 ${3 * sub} ${2 * sub}`,
        `write -z ${6 * sub} ${2 * sub}`,
        `write -z -u ${clusterSize} ${clusterSize}`,
        `write -P 0x33 ${clusterSize + 31 * sub} ${2 * sub}`,
        `discard ${3 * sub} ${sub}`,
      );
      await compare(image);
    });
  }

  it('reads zero clusters, plain and preallocated, and discarded ones', async () => {
    for (const compat of ['0.10', '1.1']) {
      const image = path('zero');
      await runTool('qemu-img', ['create', '-q', '-f', 'qcow2', '-o', `compat=${compat}`, image, '8M']);
      await io(
        image,
        'write -P 1 0 1M',
        'write -z 256k 128k',
        'write -z -u 512k 128k',
        'write -z 2M 1M',
        'discard 768k 128k',
        'write -P 2 5000000 77777',
      );
      await compare(image);
    }
  });

  it('reads every preallocation', async () => {
    for (const preallocation of ['off', 'metadata', 'falloc', 'full']) {
      const image = path(preallocation);
      await runTool('qemu-img', [
        'create',
        '-q',
        '-f',
        'qcow2',
        '-o',
        `preallocation=${preallocation}`,
        image,
        '4M',
      ]);
      await io(image, 'write -P 7 1M 70000');
      await compare(image);
    }
  });

  it('reads backing chains: shorter and longer, qcow2 and raw, relative, three deep', async () => {
    const base = path('base');
    await runTool('qemu-img', ['convert', '-c', '-O', 'qcow2', '-o', 'cluster_size=4k', sample, base]);
    const create = async (backing: string, format: string, size: string[], options = 'compat=1.1') => {
      const image = path('over');
      const reference = backing.slice(folder.length + 1);
      await runTool('qemu-img', [
        ...['create', '-q', '-f', 'qcow2', '-o', options, '-F', format, '-b', reference, image],
        ...size,
      ]);
      return image;
    };
    const same = await create(base, 'qcow2', []);
    await io(same, 'write -P 9 1M 130k', 'write -z 2M 64k', 'write -P 8 4M 1');
    await compare(same);
    const longer = await create(same, 'qcow2', ['9M'], 'compat=0.10,cluster_size=512');
    await io(longer, 'write -P 4 3M 1000', 'write -P 5 8M 3k');
    await compare(longer);
    const shorter = await create(longer, 'qcow2', ['3000320']);
    await io(shorter, 'write -P 6 100k 10k');
    await compare(shorter);
    const longest = await create(shorter, 'qcow2', ['6M']);
    await compare(longest);
    // A raw file's holes are known to qemu only; a disk without any compares.
    const full = join(folder, 'full.raw');
    writeFileSync(full, positionCoded(0, 3 * MiB, 'full'));
    const overRaw = await create(full, 'raw', ['4M'], 'extended_l2=on');
    await io(overRaw, 'write -P 6 100k 10k', 'write -P 3 3M 64k');
    await compare(overRaw);
  });

  it('reads an external data file, plain and raw', async () => {
    for (const raw of ['off', 'on']) {
      const image = path('ext-data');
      const data = `${image}.data`;
      await runTool('qemu-img', [
        ...['create', '-q', '-f', 'qcow2', '-o', `data_file=${data},data_file_raw=${raw}`, image, '4M'],
      ]);
      await io(image, 'write -P 1 0 64k', 'write -P 2 1M 100k', 'write -z 1M 64k', 'write -P 3 3M 512');
      await compare(image, { map: raw === 'off' });
      const { disk: opened } = await openImage(image, FORMATS);
      expect(opened.files.map((one) => [one.path, one.role])).toEqual([
        [image, 'image'],
        [data, 'data-file'],
      ]);
      expect(opened.details).toMatchObject({ dataFile: data, dataFileRaw: raw === 'on' });
      await opened.close();
    }
  });

  it('counts the space of snapshots as qemu frees it', async () => {
    for (const options of ['compat=0.10', 'cluster_size=4k', 'extended_l2=on']) {
      const image = path('snap');
      await runTool('qemu-img', ['convert', '-c', '-O', 'qcow2', '-o', options, sample, image]);
      await io(image, 'write -P 1 0 1M');
      await runTool('qemu-img', ['snapshot', '-c', 'first', image]);
      await io(image, 'write -P 2 128k 700k', 'write -P 3 4M 200k');
      await runTool('qemu-img', ['snapshot', '-c', 'second', image]);
      await io(image, 'write -P 4 0 300k', 'write -z 4M 64k', 'discard 2M 1M');
      await compare(image);
      const { disk: opened } = await openImage(image, FORMATS);
      const { details, snapshotBytes } = opened;
      await opened.close();
      expect(details.snapshots).toMatchObject([
        { id: '1', name: 'first', vmStateSize: 0 },
        { id: '2', name: 'second', vmStateSize: 0 },
      ]);
      const before = usedClusters(image);
      await runTool('qemu-img', ['snapshot', '-d', 'first', image]);
      await runTool('qemu-img', ['snapshot', '-d', 'second', image]);
      const freed = (before - usedClusters(image)) * (details.clusterSize as number);
      expect(freed).toBeGreaterThan(500_000);
      expect(snapshotBytes).toBe(freed);
    }
  });

  it('reads what was resized, rebased, committed and amended', async () => {
    const image = path('resized');
    await runTool('qemu-img', ['convert', '-O', 'qcow2', '-o', 'cluster_size=1k', sample, image]);
    await runTool('qemu-img', ['resize', '-q', image, '20M']);
    await io(image, 'write -P 1 19M 5000');
    await runTool('qemu-img', ['resize', '-q', '--shrink', image, '19500032']);
    await compare(image);
    await runTool('qemu-img', ['amend', '-f', 'qcow2', '-o', 'compat=0.10', image]);
    await compare(image);
  });

  it('reports lists, flags and details as qemu-img info does', async () => {
    const image = path('info');
    await runTool('qemu-img', [
      'create',
      '-q',
      '-f',
      'qcow2',
      '-o',
      'lazy_refcounts=on,refcount_bits=8',
      image,
      '1M',
    ]);
    await runTool('qemu-img', ['bitmap', '--add', '-g', '32k', image, 'backup']);
    await runTool('qemu-img', ['bitmap', '--add', '--disable', image, 'old']);
    const { disk: opened, diagnostics } = await openImage(image, FORMATS);
    await opened.close();
    const info = JSON.parse(await runTool('qemu-img', ['info', '--output=json', image]));
    const theirs = info['format-specific'].data;
    expect(opened.details).toMatchObject({
      compat: theirs.compat,
      clusterSize: info['cluster-size'],
      compressionType: theirs['compression-type'],
      extendedL2: theirs['extended-l2'],
      lazyRefcounts: theirs['lazy-refcounts'],
      refcountBits: theirs['refcount-bits'],
      corrupt: theirs.corrupt,
      bitmaps: [
        { name: 'backup', granularity: 32768, enabled: true, inUse: false },
        { name: 'old', granularity: 65536, enabled: false, inUse: false },
      ],
    });
    expect(diagnostics()).toEqual([]);
  });

  it('charges compressed clusters what they take in the file', async () => {
    const image = path('charge');
    await runTool('qemu-img', ['convert', '-c', '-O', 'qcow2', sample, image]);
    const { disk: opened } = await openImage(image, FORMATS);
    const extents = await readMap(opened.source);
    await opened.close();
    const compressed = extents.filter((one) => one.compressed === true);
    const check = JSON.parse(await runTool('qemu-img', ['check', '--output=json', image]));
    expect(compressed.length).toBe(check['compressed-clusters']);
    const stored = extents.reduce((sum, one) => sum + one.stored, 0);
    const { size } = statSync(image);
    // Header, refcount table and block, L1 and L2 are one cluster each; the rest is data.
    expect(size - stored).toBeGreaterThanOrEqual(4 * 65536);
    expect(size - stored).toBeLessThan(6 * 65536);
  });
});

/** Clusters whose refcount is not zero, read from the refcount tables by hand: qemu's own accounting. */
function usedClusters(path: string): number {
  const file = readFileSync(path);
  const clusterSize = 2 ** file.readUInt32BE(20);
  const table = Number(file.readBigUInt64BE(48));
  const entries = (file.readUInt32BE(56) * clusterSize) / 8;
  let used = 0;
  for (let i = 0; i < entries; i++) {
    const block = Number(file.readBigUInt64BE(table + 8 * i));
    if (block === 0) continue;
    for (let at = block; at < block + clusterSize; at += 2) if (file.readUInt16BE(at) !== 0) used++;
  }
  return used;
}
