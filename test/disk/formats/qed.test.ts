/** QED: a fixture of qemu-img, what is refused by name, hostile headers and tables, mutations. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { qedFormat } from '../../../src/disk/formats/qed/qed.ts';
import { memorySource } from '../../../src/sources/memory.ts';
import { readProbe } from '../../../src/sources/read.ts';
import { fixtureBytes, fixtureExpected } from '../../support/fixtures.ts';
import { answersDamage, failureOf, openImageBytes, readAll, readMap } from '../../support/image-context.ts';

type Expected = Record<string, { size: number; sha256: string; map: [number, number, string][] }>;

const plain = fixtureBytes('qed-parallels/plain.qed');
const L1 = Number(plain.readBigUInt64LE(40));
const L2 = Number(plain.readBigUInt64LE(L1));

function changed(write: (bytes: Buffer) => void): Buffer {
  const bytes = Buffer.from(plain);
  write(bytes);
  return bytes;
}

it('is what qemu-img says', async () => {
  const { disk, diagnostics } = await openImageBytes(plain, qedFormat);
  const { size, sha256, map } = fixtureExpected<Expected>('qed-parallels')['plain.qed']!;
  expect(disk.source.size).toBe(size);
  expect(
    createHash('sha256')
      .update(await readAll(disk.source))
      .digest('hex'),
  ).toBe(sha256);
  expect((await readMap(disk.source)).map(({ start, end, kind }) => [start, end - start, kind])).toEqual(map);
  expect(disk.details).toMatchObject({ clusterSize: 4096, tableSize: 2, dirty: false, backingFile: null });
  expect(diagnostics()).toEqual([]);
  expect(qedFormat.probe(await readProbe(memorySource(plain)))?.certainty).toBe('certain');
});

it('says that it was not closed properly', async () => {
  const { disk, diagnostics } = await openImageBytes(
    changed((bytes) => bytes.writeUInt32LE(2, 16)),
    qedFormat,
  );
  expect(diagnostics().map(({ code }) => code)).toEqual(['IMGOPT_QED_NEED_CHECK']);
  expect((await readAll(disk.source)).length).toBe(disk.source.size);
});

describe('refusals', () => {
  // Offsets as in qemu's docs/interop/qed_spec.txt.
  it.each([
    ['QED_HEADER', changed((bytes) => bytes.writeUInt8(0, 0))],
    ['QED_HEADER', changed((bytes) => bytes.writeUInt32LE(2048, 4))],
    ['QED_HEADER', changed((bytes) => bytes.writeUInt32LE(12_288, 4))],
    ['QED_HEADER', changed((bytes) => bytes.writeUInt32LE(0x8000_0000, 4))],
    ['QED_HEADER', changed((bytes) => bytes.writeUInt32LE(0, 8))],
    ['QED_HEADER', changed((bytes) => bytes.writeUInt32LE(3, 8))],
    ['QED_HEADER', changed((bytes) => bytes.writeUInt32LE(32, 8))],
    ['QED_HEADER', changed((bytes) => bytes.writeUInt32LE(0, 12))],
    ['QED_HEADER', changed((bytes) => bytes.writeUInt32LE(0xffff_ffff, 12))],
    ['QED_HEADER', changed((bytes) => bytes.writeBigUInt64LE(0n, 48))],
    ['QED_HEADER', changed((bytes) => bytes.writeBigUInt64LE(513n, 48))],
    ['QED_HEADER', changed((bytes) => bytes.writeBigUInt64LE(1n << 40n, 48))],
    ['QED_FEATURE', changed((bytes) => bytes.writeUInt32LE(8, 16))],
    ['QED_FEATURE', changed((bytes) => bytes.writeUInt32LE(1, 20))],
    ['QED_L1_OUT_OF_FILE', changed((bytes) => bytes.writeBigUInt64LE(0n, 40))],
    ['QED_L1_OUT_OF_FILE', changed((bytes) => bytes.writeBigUInt64LE(4097n, 40))],
    ['QED_L1_OUT_OF_FILE', changed((bytes) => bytes.writeBigUInt64LE(1n << 40n, 40))],
    ['QED_L2_OUT_OF_FILE', changed((bytes) => bytes.writeBigUInt64LE(1n << 40n, L1))],
    ['QED_L2_OUT_OF_FILE', changed((bytes) => bytes.writeBigUInt64LE(BigInt(L2 + 8), L1))],
    ['QED_TABLES_OVERLAP', changed((bytes) => bytes.writeBigUInt64LE(BigInt(L2), L1 + 8))],
    ['QED_TABLES_OVERLAP', changed((bytes) => bytes.writeBigUInt64LE(BigInt(L1), L1 + 8))],
    [
      'QED_BACKING_NAME',
      changed((bytes) => {
        bytes.writeUInt32LE(1, 16);
        bytes.writeUInt32LE(4000, 56);
        bytes.writeUInt32LE(200, 60);
      }),
    ],
    [
      'QED_REFERENCE',
      changed((bytes) => {
        bytes.writeUInt32LE(1, 16);
        bytes.writeUInt32LE(64, 56);
        bytes.writeUInt32LE(15, 60);
        bytes.write('nbd://host/disk', 64, 'latin1');
      }),
    ],
    ['QED_TRUNCATED', plain.subarray(0, 60)],
    ['QED_HEADER', plain.subarray(0, 4000)],
  ])('%s', async (code, bytes) => {
    expect(await failureOf(bytes, qedFormat)).toBe(`IMGOPT_${code}`);
  });

  it.each([5n, 1n << 50n, BigInt(plain.length), 0xffff_ffff_ffff_f000n])(
    'a cluster at %i, while the rest is read',
    async (place) => {
      const { disk } = await openImageBytes(
        changed((bytes) => bytes.writeBigUInt64LE(place, L2 + 8 * 256)),
        qedFormat,
      );
      await disk.source.read(new Uint8Array(4096), 0);
      await expect(disk.source.read(new Uint8Array(1), 256 * 4096)).rejects.toMatchObject({
        family: 'corrupt',
      });
    },
  );
});

it('is asked nothing by short or foreign files', () => {
  for (const length of [0, 1, 4, 63, 64, 512]) {
    const bytes = new Uint8Array(length);
    expect(qedFormat.probe({ head: bytes, tail: bytes, size: length })).toBeUndefined();
  }
});

it('answers damage with a disk or one of its errors', () => answersDamage(plain, qedFormat));
