/** VDI: fixtures of qemu-img, what is refused by name, hostile headers and maps, mutations. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { vdiFormat } from '../../../src/disk/formats/vdi/vdi.ts';
import { vdiWriter } from '../../../src/disk/formats/vdi/writer.ts';
import { memorySource } from '../../../src/sources/memory.ts';
import { readProbe } from '../../../src/sources/read.ts';
import { fixtureBytes, fixtureExpected } from '../../support/fixtures.ts';
import { answersDamage, failureOf, openImageBytes, readAll, readMap } from '../../support/image-context.ts';
import { streamImage, stretchesSource } from '../../support/image-output.ts';

const MiB = 1024 * 1024;
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
type Expected = Record<string, { size: number; sha256: string; map: [number, number, string][] }>;

const dynamic = fixtureBytes('vhd-vdi/dynamic.vdi');

function changed(write: (bytes: Buffer) => void): Buffer {
  const bytes = Buffer.from(dynamic);
  write(bytes);
  return bytes;
}

it.each(['dynamic', 'static'])('reads %s', async (subformat) => {
  const bytes = fixtureBytes(`vhd-vdi/${subformat}.vdi`);
  const { disk, diagnostics } = await openImageBytes(bytes, vdiFormat);
  const { size, sha256: hash, map } = fixtureExpected<Expected>('vhd-vdi')[`${subformat}.vdi`]!;
  expect(disk.source.size).toBe(size);
  expect(sha256(await readAll(disk.source))).toBe(hash);
  expect((await readMap(disk.source)).map(({ start, end, kind }) => [start, end - start, kind])).toEqual(map);
  expect(disk.details).toMatchObject({ subformat, version: '1.1', blockSize: MiB });
  expect(diagnostics()).toEqual([]);
  expect(vdiFormat.probe(await readProbe(memorySource(bytes)))).toMatchObject({
    certainty: 'certain',
    description: 'VDI version 1.1',
  });
});

it('tells zeros by decree from blocks that were never written', async () => {
  const { disk } = await openImageBytes(
    changed((bytes) => bytes.writeUInt32LE(0xffff_fffe, 512 + 4)),
    vdiFormat,
  );
  const map = await readMap(disk.source);
  expect(map.slice(0, 3).map(({ start, end, kind }) => [start, end, kind])).toEqual([
    [0, MiB, 'data'],
    [MiB, 2 * MiB, 'zero'],
    [2 * MiB, 3 * MiB, 'hole'],
  ]);
});

describe('refusals', () => {
  // Offsets as in VirtualBox's VDICore.h and qemu's block/vdi.c.
  it.each([
    ['VDI_SIGNATURE', changed((bytes) => bytes.writeUInt32LE(1, 64))],
    ['VDI_VERSION', changed((bytes) => bytes.writeUInt32LE(2, 68))],
    ['VDI_DIFFERENCING', changed((bytes) => bytes.writeUInt32LE(4, 76))],
    ['VDI_DIFFERENCING', changed((bytes) => bytes.writeUInt32LE(3, 76))],
    ['VDI_DIFFERENCING', changed((bytes) => bytes.writeUInt32LE(7, 424))],
    ['VDI_TYPE', changed((bytes) => bytes.writeUInt32LE(9, 76))],
    ['VDI_BLOCK_EXTRA', changed((bytes) => bytes.writeUInt32LE(512, 380))],
    ['VDI_HEADER', changed((bytes) => bytes.writeUInt32LE(0, 376))],
    ['VDI_HEADER', changed((bytes) => bytes.writeUInt32LE(3 << 20, 376))],
    ['VDI_HEADER', changed((bytes) => bytes.writeBigUInt64LE(0n, 368))],
    ['VDI_HEADER', changed((bytes) => bytes.writeBigUInt64LE(1n << 50n, 368))],
    ['VDI_HEADER', changed((bytes) => bytes.writeUInt32LE(2, 384))],
    ['VDI_HEADER', changed((bytes) => bytes.writeUInt32LE(0xffff_ffff, 384))],
    ['VDI_HEADER', changed((bytes) => bytes.writeUInt32LE(512, 344))],
    ['VDI_MAP_OUT_OF_FILE', changed((bytes) => bytes.writeUInt32LE(0xffff_fff0, 340))],
    ['VDI_MAP_OUT_OF_FILE', changed((bytes) => bytes.writeUInt32LE(0, 340))],
    ['VDI_BLOCKS_OVERLAP', changed((bytes) => bytes.writeUInt32LE(0, 512 + 4))],
    ['VDI_TRUNCATED', dynamic.subarray(0, 400)],
    ['VDI_MAP_OUT_OF_FILE', dynamic.subarray(0, 512)],
  ])('%s', async (code, bytes) => {
    expect(await failureOf(bytes, vdiFormat)).toBe(`IMGOPT_${code}`);
  });

  it('of blocks past the end, while the rest is read', async () => {
    const { disk, diagnostics } = await openImageBytes(
      changed((bytes) => bytes.writeUInt32LE(0xffff_0000, 512 + 4)),
      vdiFormat,
    );
    expect(diagnostics().map(({ code, severity }) => [code, severity])).toEqual([
      ['IMGOPT_VDI_BLOCKS_ALLOCATED', 'warning'],
      ['IMGOPT_VDI_BLOCK_OUT_OF_FILE', 'error'],
    ]);
    await disk.source.read(new Uint8Array(MiB), 0);
    await expect(disk.source.read(new Uint8Array(1), MiB)).rejects.toMatchObject({
      code: 'IMGOPT_VDI_BLOCK_OUT_OF_FILE',
    });
  });
});

it('is asked nothing by short or foreign files', () => {
  for (const length of [0, 1, 64, 71, 72, 512]) {
    const bytes = new Uint8Array(length);
    expect(vdiFormat.probe({ head: bytes, tail: bytes, size: length })).toBeUndefined();
  }
});

it('refuses options that VDI does not have', async () => {
  for (const options of [
    { compression: 'zstd' },
    { subformat: 'fixed' },
    { clusterSize: 4096 },
    { subformat: 'dynamic' },
    { backing: { reference: 'a', format: 'raw' } },
  ] as const) {
    await expect(streamImage(vdiWriter, stretchesSource(MiB, []), options)).rejects.toMatchObject({
      family: 'usage',
    });
  }
});

it.each(['dynamic', 'static'])('answers damage of %s with a disk or one of its errors', (name) =>
  answersDamage(fixtureBytes(`vhd-vdi/${name}.vdi`), vdiFormat),
);
