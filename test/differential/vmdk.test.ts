/** VMDK against qemu-img and 7-Zip: content, map, delta disks, zeroed grains, names. */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, expect, it } from 'vitest';
import { mapOf, merged, openVmdk, qemuMap } from '../disk/formats/vmdk-support.ts';
import { fixturePath } from '../support/fixtures.ts';
import { readAll } from '../support/image-context.ts';
import { temporaryFolder } from '../support/temp.ts';
import { describeWithTools, runTool, runToolSync } from '../support/tools.ts';

const MiB = 1024 * 1024;
// Not a multiple of a grain (64 KiB), and over 32 MiB, so that there is more than one grain table.
const SIZE = 70 * MiB + 13 * 512;
const SUBFORMATS = [
  'monolithicSparse',
  'streamOptimized',
  'monolithicFlat',
  'twoGbMaxExtentSparse',
  'twoGbMaxExtentFlat',
];

/** Data that says where it belongs: every 16 bytes name their own offset; a part does not compress. */
function content(): Buffer {
  const raw = Buffer.alloc(SIZE);
  const paint = (start: number, end: number): void => {
    for (let at = start; at < end; at += 16)
      raw.write(`@${at.toString(16).padStart(14, '0')}\n`, at, 'latin1');
  };
  paint(0, 300 * 1024);
  paint(1 * MiB, 5 * MiB + 512);
  paint(31 * MiB, 34 * MiB); // over the border of two tables
  paint(69 * MiB, SIZE - 512);
  // Bytes that deflate cannot shrink, so that a grain is longer than a grain in its file.
  let seed = Buffer.from('vmdk');
  for (let at = 8 * MiB; at < 9 * MiB; at += 32) {
    seed = createHash('sha256').update(seed).digest();
    seed.copy(raw, at);
  }
  return raw;
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describeWithTools(['qemu-img', 'qemu-io'], 'vmdk against qemu-img', () => {
  const folder = temporaryFolder();
  const raw = content();
  const path = (name: string): string => join(folder, name);

  beforeAll(async () => {
    writeFileSync(path('disk.raw'), raw);
    for (const subformat of SUBFORMATS) {
      await runTool('qemu-img', [
        ...['convert', '-f', 'raw', '-O', 'vmdk', '-o', `subformat=${subformat}`],
        ...[path('disk.raw'), path(`${subformat}.vmdk`)],
      ]);
    }
  });

  it.each(SUBFORMATS)('reads all of %s', async (subformat) => {
    const { disk, codes, close } = await openVmdk(path(`${subformat}.vmdk`));
    expect(disk.source.size).toBe(SIZE);
    expect(disk.details.subformat).toBe(subformat);
    expect((await readAll(disk.source)).equals(raw)).toBe(true);
    expect((await readAll(disk.source, 1_000_001)).equals(raw)).toBe(true);
    expect(codes()).toEqual([]);
    await close();
  });

  it.each(SUBFORMATS)('maps %s as qemu-img map', async (subformat) => {
    const { disk, close } = await openVmdk(path(`${subformat}.vmdk`));
    const map = await mapOf(disk.source);
    const expected = qemuMap(await runTool('qemu-img', ['map', '--output=json', path(`${subformat}.vmdk`)]));
    if (disk.mapIsExact) {
      expect(merged(map)).toEqual(expected);
    } else {
      // qemu asks the host for the holes of a flat file, which Node cannot: all is data.
      expect(subformat).toMatch(/Flat$/);
      expect(merged(map)).toEqual([{ start: 0, end: SIZE, kind: 'data' }]);
    }
    // What the map says is stored must fit into the files, and leave them little else.
    const stored = map.reduce((sum, extent) => sum + extent.stored, 0);
    const inFiles = disk.files.reduce((sum, file) => sum + file.fileSize, 0);
    expect(stored).toBeLessThanOrEqual(inFiles);
    expect(inFiles - stored).toBeLessThan(300 * 1024);
    await close();
  });

  it('tells what each compressed grain occupies', async () => {
    const file = path('streamOptimized.vmdk');
    const { disk, close } = await openVmdk(file);
    const map = (await mapOf(disk.source)).filter((extent) => extent.kind === 'data');
    // The markers in the file, walked one behind the other: qemu writes the grains at its end, from the
    // first sector after the metadata on. Header: overHead is the 64-bit number at 64.
    const bytes = readFileSync(file);
    const walked: { start: number; stored: number }[] = [];
    for (let at = Number(bytes.readBigUInt64LE(64)) * 512; at + 12 < bytes.length; ) {
      const size = bytes.readUInt32LE(at + 8);
      if (size === 0) break; // padding after the last grain
      const stored = Math.ceil((12 + size) / 512) * 512;
      walked.push({ start: Number(bytes.readBigUInt64LE(at)) * 512, stored });
      at += stored;
    }
    expect(map.length).toBeGreaterThan(100);
    expect(map.every((extent) => extent.compressed)).toBe(true);
    expect(map.map(({ start, stored }) => ({ start, stored }))).toEqual(walked);
    await close();
  });

  it.each(SUBFORMATS)('reads any piece of %s', async (subformat) => {
    const { disk, close } = await openVmdk(path(`${subformat}.vmdk`));
    const piece = fc
      .tuple(fc.integer({ min: 0, max: SIZE - 1 }), fc.integer({ min: 0, max: 400_000 }))
      .map(([start, length]) => ({ start, end: Math.min(SIZE, start + length) }));
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { minLength: 1, maxLength: 4 }), async (pieces) => {
        await Promise.all(
          pieces.map(async ({ start, end }) => {
            const target = Buffer.alloc(end - start, 0xee);
            await disk.source.read(target, start);
            expect(target.equals(raw.subarray(start, end))).toBe(true);
          }),
        );
      }),
      { numRuns: 60, seed: 4711 },
    );
    await close();
  });

  it('maps any part of a disk as the whole of it', async () => {
    for (const subformat of ['monolithicSparse', 'streamOptimized']) {
      const { disk, close } = await openVmdk(path(`${subformat}.vmdk`));
      const whole = merged(await mapOf(disk.source));
      await fc.assert(
        fc.asyncProperty(fc.nat({ max: SIZE - 1 }), fc.nat({ max: 40 * MiB }), async (start, length) => {
          const end = Math.min(SIZE, start + length + 1);
          const clipped = whole
            .map((part) => ({
              ...part,
              start: Math.max(start, part.start),
              end: Math.min(end, part.end),
            }))
            .filter((part) => part.end > part.start);
          expect(merged(await mapOf(disk.source, { start, end }))).toEqual(clipped);
        }),
        { numRuns: 40, seed: 4711 },
      );
      await close();
    }
  });

  it('lists descriptor and extents', async () => {
    const { disk, close } = await openVmdk(path('twoGbMaxExtentSparse.vmdk'));
    expect(disk.files.map(({ path: full, role, format }) => ({ full, role, format }))).toEqual([
      { full: path('twoGbMaxExtentSparse.vmdk'), role: 'image', format: 'vmdk' },
      { full: path('twoGbMaxExtentSparse-s001.vmdk'), role: 'extent', format: 'vmdk' },
    ]);
    await close();
  });

  it('reads a disk of several extents, with blanks in its name', async () => {
    for (const subformat of ['twoGbMaxExtentSparse', 'twoGbMaxExtentFlat']) {
      const name = path(`my disk (${subformat}).vmdk`);
      await runTool('qemu-img', ['create', '-f', 'vmdk', '-o', `subformat=${subformat}`, name, '4099M']);
      await runTool('qemu-io', [
        ...['-f', 'vmdk', '-c', 'write -P 0x5a 2047M 2M', '-c', 'write -P 0xa5 4097M 2M', name],
      ]);
      const { disk, close } = await openVmdk(name);
      expect(disk.source.size).toBe(4099 * MiB);
      expect(disk.details.extents).toBe(3);
      expect(disk.files).toHaveLength(4);
      const target = Buffer.alloc(4 * MiB);
      await disk.source.read(target, 2046 * MiB);
      const expected = Buffer.alloc(4 * MiB);
      expected.fill(0x5a, 1 * MiB, 3 * MiB);
      expect(target.equals(expected)).toBe(true);
      await disk.source.read(target.subarray(0, 2 * MiB), 4097 * MiB);
      expect(target.subarray(0, 2 * MiB).every((byte) => byte === 0xa5)).toBe(true);
      if (subformat === 'twoGbMaxExtentSparse') {
        expect(merged(await mapOf(disk.source))).toEqual(
          qemuMap(await runTool('qemu-img', ['map', '--output=json', name])),
        );
      }
      await close();
    }
  });

  it('tells zeroed grains from grains that were never written', async () => {
    const name = path('zeroed.vmdk');
    await runTool('qemu-img', [
      ...['convert', '-f', 'raw', '-O', 'vmdk', '-o', 'zeroed_grain=on', path('disk.raw'), name],
    ]);
    await runTool('qemu-io', [
      ...['-f', 'vmdk', '-c', 'write -z 2M 1M', '-c', 'write -z 20M 128k', '-c', 'write -P 7 33M 64k', name],
    ]);
    const expected = Buffer.from(raw);
    expected.fill(0, 2 * MiB, 3 * MiB);
    expected.fill(7, 33 * MiB, 33 * MiB + 65536);
    const { disk, close } = await openVmdk(name);
    expect(disk.details.zeroedGrains).toBe(true);
    expect((await readAll(disk.source)).equals(expected)).toBe(true);
    const map = merged(await mapOf(disk.source));
    expect(map).toEqual(qemuMap(await runTool('qemu-img', ['map', '--output=json', name])));
    expect(map.some(({ kind }) => kind === 'zero')).toBe(true);
    await close();
  });

  it('reads delta disks through to their parents', async () => {
    const base = path('base.vmdk');
    const middle = path('middle.vmdk');
    const top = path('top.vmdk');
    await runTool('qemu-img', ['convert', '-f', 'raw', '-O', 'vmdk', path('disk.raw'), base]);
    const create = async (name: string, parent: string, size: string): Promise<void> => {
      await runTool('qemu-img', ['create', '-f', 'vmdk', '-b', parent, '-F', 'vmdk', name, size], {
        cwd: folder,
      });
    };
    await create('middle.vmdk', 'base.vmdk', String(SIZE));
    await create('top.vmdk', 'middle.vmdk', `${80 * MiB}`);
    await runTool('qemu-io', ['-f', 'vmdk', '-c', 'write -P 1 4M 100k', '-c', 'write -P 2 40M 1M', middle]);
    // Writing to the middle changed its CID; qemu then refuses to read the top, so its link is set anew.
    const cid = /^CID=([0-9a-f]+)/m.exec(readFileSync(middle).toString('latin1'))![1]!;
    const bytes = readFileSync(top);
    // The descriptor fills the 20 sectors behind the header; qemu writes CIDs without leading zeros.
    const descriptor = bytes.subarray(512, 21 * 512);
    const text = descriptor.toString('latin1').replace(/^parentCID=[0-9a-f]+$/m, `parentCID=${cid}`);
    descriptor.fill(0).write(text.slice(0, text.indexOf('\0')), 'latin1');
    writeFileSync(top, bytes);
    await runTool('qemu-io', ['-f', 'vmdk', '-c', 'write -P 3 4M 32k', '-c', 'write -P 4 75M 1M', top]);
    await runTool('qemu-img', ['convert', '-f', 'vmdk', '-O', 'raw', top, path('t.raw')]);

    const { disk, codes, close } = await openVmdk(top);
    expect(codes()).toEqual([]);
    expect(disk.details.parent).toBe('middle.vmdk');
    expect(disk.files.map(({ role }) => role)).toEqual(['image', 'backing', 'backing']);
    expect(sha256(await readAll(disk.source))).toBe(sha256(readFileSync(path('t.raw'))));
    const map = await mapOf(disk.source);
    expect(merged(map)).toEqual(qemuMap(await runTool('qemu-img', ['map', '--output=json', top])));
    // Only the top's own grains are in the top's file: 64 KiB at 4 MiB, 1 MiB at 75 MiB.
    expect(map.reduce((sum, extent) => sum + extent.stored, 0)).toBe(65536 + MiB);
    await close();

    // The parent is written to: the link does not match any more.
    await runTool('qemu-io', ['-f', 'vmdk', '-c', 'write -P 9 60M 64k', middle]);
    const changed = await openVmdk(top);
    expect(changed.codes()).toEqual(['IMGOPT_VMDK_PARENT_CHANGED']);
    await changed.close();
  });
});

describeWithTools(['qemu-img', '7zz'], 'vmdk against 7-Zip', () => {
  const folder = temporaryFolder();

  it('reads monolithicSparse as 7-Zip does', async () => {
    const image = join(folder, 'disk.vmdk');
    writeFileSync(join(folder, 'disk.raw'), content());
    await runTool('qemu-img', ['convert', '-f', 'raw', '-O', 'vmdk', join(folder, 'disk.raw'), image]);
    const { disk, close } = await openVmdk(image);
    const extracted = runToolSync('7zz', ['x', '-so', '-tvmdk', image]);
    expect(sha256(await readAll(disk.source))).toBe(sha256(extracted));
    await close();
  });

  // 7-Zip does not take qemu's streams, which have their directory in front: the fixture has it at the end.
  it('reads a stream with a footer as 7-Zip and qemu-img do', async () => {
    const image = fixturePath('vmdk/stream.vmdk');
    const { disk, close } = await openVmdk(image);
    const extracted = runToolSync('7zz', ['x', '-so', '-tvmdk', image]);
    const out = join(folder, 'stream.raw');
    await runTool('qemu-img', ['convert', '-f', 'vmdk', '-O', 'raw', image, out]);
    const ours = sha256(await readAll(disk.source));
    expect(ours).toBe(sha256(extracted));
    expect(ours).toBe(sha256(readFileSync(out)));
    await close();
  });
});
