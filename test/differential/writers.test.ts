/** What the writers of VMDK, VHD and VDI write, held against qemu-img and 7-Zip, and read back. */
import { createHash } from 'node:crypto';
import { closeSync, ftruncateSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import type { ImageFormat } from '../../src/core/contracts/disk.ts';
import type { BlockSource } from '../../src/core/contracts/source.ts';
import type { ImageWriter } from '../../src/core/contracts/writer.ts';
import { vdiFormat } from '../../src/disk/formats/vdi/vdi.ts';
import { vdiWriter } from '../../src/disk/formats/vdi/writer.ts';
import { vhdFormat } from '../../src/disk/formats/vhd/vhd.ts';
import { vhdWriter } from '../../src/disk/formats/vhd/writer.ts';
import { vmdkFormat } from '../../src/disk/formats/vmdk/vmdk.ts';
import { vmdkWriter } from '../../src/disk/formats/vmdk/writer.ts';
import { openFileSource } from '../../src/sources/file.ts';
import { openImage, positionCoded, readAll, readMap } from '../support/image-context.ts';
import { streamImage, stretchesSource, writeImage } from '../support/image-output.ts';
import { temporaryFolder } from '../support/temp.ts';
import { describeWithTools, runTool, runToolSync } from '../support/tools.ts';

const MiB = 1024 * 1024;
const GiB = 1024 * MiB;
/** No multiple of a grain (64 KiB), of a VDI block (1 MiB) or of a VHD block (2 MiB); two grain tables. */
const SIZE = 37 * MiB + 13 * 512;
const LARGE = 5 * GiB + 3 * 512;

interface Case {
  readonly writer: ImageWriter;
  readonly format: ImageFormat;
  readonly subformat: string;
  readonly checks: boolean;
  /** The disk's size as this format keeps it. */
  readonly size: (size: number) => number;
}
const exact = (size: number): number => Math.ceil(size / 512) * 512;
const CASES: readonly Case[] = [
  { writer: vmdkWriter, format: vmdkFormat, subformat: 'streamOptimized', checks: true, size: exact },
  { writer: vmdkWriter, format: vmdkFormat, subformat: 'monolithicSparse', checks: true, size: exact },
  { writer: vhdWriter, format: vhdFormat, subformat: 'dynamic', checks: false, size: exact },
  {
    ...{ writer: vhdWriter, format: vhdFormat, subformat: 'fixed', checks: false },
    size: (size) => Math.ceil(size / MiB) * MiB,
  },
  { writer: vdiWriter, format: vdiFormat, subformat: 'dynamic', checks: true, size: exact },
  { writer: vdiWriter, format: vdiFormat, subformat: 'static', checks: true, size: exact },
];
const NAMES = CASES.map((one) => [`${one.writer.format} ${one.subformat}`, one] as const);

/** Data that names its own offset, data that deflate cannot shrink, data that is zeros after all. */
function stretches(size: number): { start: number; bytes: Buffer }[] {
  const noise = Buffer.alloc(200 * 1024);
  let seed = Buffer.from('writers');
  for (let at = 0; at < noise.length; at += 32) {
    seed = createHash('sha256').update(seed).digest();
    seed.copy(noise, at);
  }
  return [
    { start: 0, bytes: positionCoded(0, 100 * 1024, 'head') },
    { start: 3 * MiB + 512, bytes: positionCoded(3 * MiB + 512, 3 * MiB, 'data') },
    { start: 9 * MiB, bytes: Buffer.alloc(4 * MiB) },
    { start: 20 * MiB + 1024, bytes: noise },
    { start: 33 * MiB - 4096, bytes: positionCoded(33 * MiB - 4096, 8192, 'edge') },
    { start: size - 70_000, bytes: positionCoded(size - 70_000, 70_000, 'tail') },
  ];
}

function writeRaw(path: string, size: number, parts: readonly { start: number; bytes: Buffer }[]): void {
  const file = openSync(path, 'w');
  for (const { start, bytes } of parts) writeSync(file, bytes, 0, bytes.length, start);
  ftruncateSync(file, size);
  closeSync(file);
}

describeWithTools(['qemu-img', '7zz'], 'writers against qemu-img and 7-Zip', () => {
  const folder = temporaryFolder();
  const path = (name: string): string => join(folder, name);
  const file = ({ writer, subformat }: Case, prefix: string): string =>
    path(`${prefix}-${subformat}.${writer.format === 'vpc' ? 'vhd' : writer.format}`);
  const source = (): BlockSource => stretchesSource(SIZE, stretches(SIZE));

  beforeAll(async () => {
    writeRaw(path('disk.raw'), SIZE, stretches(SIZE));
    for (const one of CASES)
      await writeImage(one.writer, source(), file(one, 'disk'), { subformat: one.subformat });
  });

  const compare = async (raw: string, one: Case, image: string): Promise<void> => {
    const args = ['compare', '-f', 'raw', '-F', one.writer.format, raw, image];
    expect(await runTool('qemu-img', args)).toContain('Images are identical.');
    const info = JSON.parse(
      await runTool('qemu-img', ['info', '-f', one.writer.format, '--output=json', image]),
    ) as { 'virtual-size': number };
    expect(info['virtual-size']).toBe(one.size(statSync(raw).size));
    // qemu-img check exits with 1 to 3 when it finds something, which is an exception here.
    if (one.checks) await runTool('qemu-img', ['check', '-f', one.writer.format, image]);
  };

  it.each(NAMES)('%s holds the disk, says qemu-img', async (_, one) => {
    await compare(path('disk.raw'), one, file(one, 'disk'));
  });

  it.each(NAMES)('%s holds the disk, says 7-Zip', (_, one) => {
    const out = runToolSync('7zz', ['e', '-so', file(one, 'disk')]);
    const expected = Buffer.alloc(one.size(SIZE));
    readFileSync(path('disk.raw')).copy(expected);
    expect(out.length).toBe(expected.length);
    expect(out.equals(expected)).toBe(true);
  });

  it.each(NAMES)('%s is read back, with the map of qemu-img', async (_, one) => {
    const { disk, diagnostics } = await openImage(file(one, 'disk'), [one.format]);
    const expected = Buffer.alloc(one.size(SIZE));
    readFileSync(path('disk.raw')).copy(expected);
    expect((await readAll(disk.source, 700_001)).equals(expected)).toBe(true);
    expect(diagnostics()).toEqual([]);
    expect(disk.details.subformat).toBe(one.subformat);
    if (disk.mapIsExact) {
      const rows = JSON.parse(
        await runTool('qemu-img', ['map', '-f', one.writer.format, '--output=json', file(one, 'disk')]),
      ) as { start: number; length: number; data: boolean }[];
      const flat = (parts: { start: number; end: number; data: boolean }[]): typeof parts =>
        parts.reduce<typeof parts>((done, part) => {
          const last = done.at(-1);
          if (last !== undefined && last.data === part.data) last.end = part.end;
          else done.push({ ...part });
          return done;
        }, []);
      expect(
        flat(
          (await readMap(disk.source)).map(({ start, end, kind }) => ({ start, end, data: kind === 'data' })),
        ),
      ).toEqual(flat(rows.map(({ start, length, data }) => ({ start, end: start + length, data }))));
    } else expect(['fixed', 'static']).toContain(one.subformat);
    await disk.close();
  });

  it.each(NAMES)('%s: same bytes, whatever the threads and the map', async (_, one) => {
    const expected = readFileSync(file(one, 'disk'));
    const { subformat } = one;
    for (const threads of [1, 4]) {
      await writeImage(one.writer, source(), path('again'), { subformat }, threads);
      expect(readFileSync(path('again')).equals(expected)).toBe(true);
    }
    const plain = await openFileSource(path('disk.raw'));
    await writeImage(one.writer, plain, path('again'), { subformat });
    expect(readFileSync(path('again')).equals(expected)).toBe(true);
    await plain.close();
  });

  it.each(NAMES.filter(([, one]) => ['streamOptimized', 'fixed', 'static'].includes(one.subformat)))(
    '%s goes to a pipe, with the same bytes',
    async (_, one) => {
      const options = { subformat: one.subformat };
      expect(one.writer.canStream({ compression: 'none', details: {}, ...options })).toBe(true);
      const streamed = await streamImage(one.writer, source(), options);
      expect(streamed.equals(readFileSync(file(one, 'disk')))).toBe(true);
    },
  );

  it.each(NAMES)('%s holds a disk of over 4 GiB', async (_, one) => {
    const parts = [
      { start: 0, bytes: positionCoded(0, 4096, 'big0') },
      { start: 4 * GiB - 8192, bytes: positionCoded(4 * GiB - 8192, 16384, 'big4') },
      { start: LARGE - 1536, bytes: positionCoded(LARGE - 1536, 1536, 'bigE') },
    ];
    writeRaw(path('large.raw'), LARGE, parts);
    const large = stretchesSource(LARGE, parts, { gaps: 'zero' });
    await writeImage(one.writer, large, path('large'), { subformat: one.subformat });
    await compare(path('large.raw'), one, path('large'));
  });

  it('keeps what VMware keeps about a disk', async () => {
    const details = {
      ...{ cid: '1234abcd', adapterType: 'ide', hardwareVersion: '11', toolsVersion: '10272' },
      ...{ geometry: { cylinders: 77, heads: 16, sectors: 63 }, longContentId: `${'0'.repeat(24)}1234abcd` },
      uuid: '60 00 C2 9c 3f 1c 8f 0e-11 22 33 44 55 66 77 88',
    };
    for (const subformat of ['streamOptimized', 'monolithicSparse']) {
      await writeImage(vmdkWriter, source(), path('kept.vmdk'), { subformat, details });
      const info = JSON.parse(await runTool('qemu-img', ['info', '--output=json', path('kept.vmdk')])) as {
        'format-specific': { data: { cid: number; 'create-type': string } };
      };
      expect(info['format-specific'].data).toMatchObject({ cid: 0x1234abcd, 'create-type': subformat });
      const { disk } = await openImage(path('kept.vmdk'), [vmdkFormat]);
      expect(disk.details).toMatchObject(details);
      await disk.close();
    }
  });

  it('leaves hostile details behind', async () => {
    const details = {
      cid: 'ffffffff',
      adapterType: 'a"\nb',
      toolsVersion: 'x'.repeat(20_000),
      geometry: { heads: 0 },
    };
    await writeImage(vmdkWriter, source(), path('hostile.vmdk'), { details });
    const { disk } = await openImage(path('hostile.vmdk'), [vmdkFormat]);
    expect(disk.details).toMatchObject({ adapterType: 'lsilogic', toolsVersion: '2147483647' });
    expect(disk.details.cid).toMatch(/^(?!ffffffff)[0-9a-f]{8}$/);
    await disk.close();
  });
});
