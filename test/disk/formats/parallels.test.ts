/** Parallels: a fixture of qemu-img, the older magic, hostile headers and tables, mutations. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { parallelsFormat } from '../../../src/disk/formats/parallels/parallels.ts';
import { memorySource } from '../../../src/sources/memory.ts';
import { readProbe } from '../../../src/sources/read.ts';
import { fixtureBytes, fixtureExpected } from '../../support/fixtures.ts';
import { answersDamage, failureOf, openImageBytes, readAll, readMap } from '../../support/image-context.ts';

type Expected = Record<string, { size: number; sha256: string; map: [number, number, string][] }>;

const plain = fixtureBytes('qed-parallels/plain.hds');
const { size, sha256, map } = fixtureExpected<Expected>('qed-parallels')['plain.hds']!;
const hashed = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const CLUSTER = 64 * 1024;

function changed(write: (bytes: Buffer) => void): Buffer {
  const bytes = Buffer.from(plain);
  write(bytes);
  return bytes;
}

it('is what qemu-img says', async () => {
  const { disk, diagnostics } = await openImageBytes(plain, parallelsFormat);
  expect(disk.source.size).toBe(size);
  expect(hashed(await readAll(disk.source))).toBe(sha256);
  expect((await readMap(disk.source)).map(({ start, end, kind }) => [start, end - start, kind])).toEqual(map);
  expect(disk.details).toMatchObject({ version: 2, blockSize: CLUSTER, dirty: false, hasExtension: false });
  expect(diagnostics()).toEqual([]);
  expect(parallelsFormat.probe(await readProbe(memorySource(plain)))?.certainty).toBe('certain');
});

it('counts sectors under the older magic, and only the lower half of the size', async () => {
  const older = changed((bytes) => {
    bytes.write('WithoutFreeSpace', 0, 'latin1');
    bytes.writeUInt32LE(7, 40);
    for (let at = 64; at < 64 + 4 * bytes.readUInt32LE(32); at += 4)
      bytes.writeUInt32LE(bytes.readUInt32LE(at) * (CLUSTER / 512), at);
  });
  const { disk } = await openImageBytes(older, parallelsFormat);
  expect(disk.source.size).toBe(size);
  expect(hashed(await readAll(disk.source))).toBe(sha256);
});

it('says that it was not closed properly', async () => {
  const { diagnostics } = await openImageBytes(
    changed((bytes) => bytes.writeUInt32LE(0x746f6e59, 44)),
    parallelsFormat,
  );
  expect(diagnostics().map(({ code }) => code)).toEqual(['IMGOPT_PARALLELS_IN_USE']);
});

it('has holes past its table', async () => {
  const { disk } = await openImageBytes(
    changed((bytes) => bytes.writeBigUInt64LE(1n << 20n, 36)),
    parallelsFormat,
  );
  const extents = await readMap(disk.source);
  expect(extents.at(-1)).toMatchObject({ end: 512 * 2 ** 20, kind: 'hole', stored: 0 });
});

describe('refusals', () => {
  // Offsets as in qemu's docs/interop/parallels.txt.
  it.each([
    ['PARALLELS_HEADER', changed((bytes) => bytes.writeUInt8(0, 0))],
    ['PARALLELS_VERSION', changed((bytes) => bytes.writeUInt32LE(3, 16))],
    ['PARALLELS_HEADER', changed((bytes) => bytes.writeUInt32LE(0, 28))],
    ['PARALLELS_HEADER', changed((bytes) => bytes.writeUInt32LE(0xffff_ffff, 28))],
    ['PARALLELS_HEADER', changed((bytes) => bytes.writeUInt32LE(0xffff_ffff, 32))],
    ['PARALLELS_HEADER', changed((bytes) => bytes.writeBigUInt64LE(0n, 36))],
    ['PARALLELS_HEADER', changed((bytes) => bytes.writeBigUInt64LE(1n << 50n, 36))],
    ['PARALLELS_TABLE_OUT_OF_FILE', changed((bytes) => bytes.writeUInt32LE(0x40_0000, 32))],
    ['PARALLELS_CLUSTERS_OVERLAP', changed((bytes) => bytes.copy(bytes, 68, 64, 68))],
    [
      'PARALLELS_CLUSTER_IN_TABLE',
      changed((bytes) => {
        bytes.write('WithoutFreeSpace', 0, 'latin1');
        bytes.writeUInt32LE(200, 32);
        bytes.fill(0, 64, 64 + 800);
        bytes.writeUInt32LE(1, 64);
      }),
    ],
    ['PARALLELS_TRUNCATED', plain.subarray(0, 40)],
    ['PARALLELS_TABLE_OUT_OF_FILE', plain.subarray(0, 80)],
  ])('%s', async (code, bytes) => {
    expect(await failureOf(bytes, parallelsFormat)).toBe(`IMGOPT_${code}`);
  });

  it('of clusters past the end, while the rest is read', async () => {
    const { disk, diagnostics } = await openImageBytes(
      changed((bytes) => bytes.writeUInt32LE(0xffff_0000, 64 + 4 * 16)),
      parallelsFormat,
    );
    expect(diagnostics().map(({ code, severity }) => [code, severity])).toEqual([
      ['IMGOPT_PARALLELS_CLUSTER_OUT_OF_FILE', 'error'],
    ]);
    await disk.source.read(new Uint8Array(CLUSTER), 0);
    await expect(disk.source.read(new Uint8Array(1), 16 * CLUSTER)).rejects.toMatchObject({
      code: 'IMGOPT_PARALLELS_CLUSTER_OUT_OF_FILE',
    });
  });
});

it('is asked nothing by short or foreign files', () => {
  for (const length of [0, 1, 16, 63, 64, 512]) {
    const bytes = new Uint8Array(length);
    expect(parallelsFormat.probe({ head: bytes, tail: bytes, size: length })).toBeUndefined();
  }
});

it('answers damage with a disk or one of its errors', () => answersDamage(plain, parallelsFormat));
