/** Compressed clusters by themselves: what is in flight for one reader while another wants it too. */
import { deflateRawSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { CompressedClusters, type Want } from '../../../src/disk/formats/qcow2/clusters.ts';
import type { Header } from '../../../src/disk/formats/qcow2/header.ts';
import { memorySource } from '../../../src/sources/memory.ts';

const CLUSTER = 65536;

/** Three clusters of the guest, in the file in the order 0, 2, 1: as `qemu-img convert -c -W` may leave them. */
function threeClusters(): { bytes: Buffer; wants: Want[] } {
  const packed = [0, 1, 2].map((number) => deflateRawSync(Buffer.alloc(CLUSTER, `cluster ${number}; `)));
  const hosts = [512, 512 + packed[0]!.length + packed[2]!.length, 512 + packed[0]!.length];
  const bytes = Buffer.alloc(4096);
  for (const [number, host] of hosts.entries()) packed[number]!.copy(bytes, host);
  const wants = hosts.map((host, number) => ({
    host,
    packed: packed[number]!.length,
    from: 0,
    target: new Uint8Array(CLUSTER),
  }));
  return { bytes, wants };
}

test('a group whose first cluster is in flight for another reader reads the others from where they lie', async () => {
  const { bytes, wants } = threeClusters();
  const file = memorySource(bytes);
  const clusters = new CompressedClusters(
    file,
    { clusterSize: CLUSTER, compressionType: 'zlib' } as Header,
    4 * CLUSTER,
    1,
  );
  const other = { ...wants[0]!, target: new Uint8Array(CLUSTER) };
  await Promise.all([clusters.read([other]), clusters.read(wants)]);
  for (const [number, { target }] of [...wants.entries(), [0, other] as const]) {
    expect(Buffer.from(target).equals(Buffer.alloc(CLUSTER, `cluster ${number}; `)), `${number}`).toBe(true);
  }
});

/** So much is read before threads are started. */
const BEFORE_THREADS = 96 * 1024 * 1024;

describe.each(['zlib', 'zstd'] as const)('threads decode %s', (compressionType) => {
  const compress = compressionType === 'zlib' ? deflateRawSync : zstdCompressSync;
  const COUNT = 64;
  const plain = Array.from({ length: COUNT }, (_, number) => Buffer.alloc(CLUSTER, `cluster ${number}; `));
  const packed = plain.map((bytes) => compress(bytes));
  const bytes = Buffer.concat(packed);
  const hosts = packed.map((_, number) =>
    packed.slice(0, number).reduce((sum, { length }) => sum + length, 0),
  );
  const wantsFrom = (first: number, count: number): Want[] =>
    Array.from({ length: count }, (_, i) => ({
      host: hosts[first + i]!,
      packed: packed[first + i]!.length,
      from: 0,
      target: new Uint8Array(CLUSTER),
    }));
  const open = (content: Uint8Array): CompressedClusters =>
    new CompressedClusters(
      memorySource(content),
      { clusterSize: CLUSTER, compressionType } as Header,
      4 * CLUSTER,
      2,
    );
  const warm = async (clusters: CompressedClusters): Promise<void> => {
    for (let done = 0; done <= BEFORE_THREADS; done += COUNT * CLUSTER)
      await clusters.read(wantsFrom(0, COUNT));
  };

  test('the same bytes for every reader, side by side and overlapping', async () => {
    const clusters = open(bytes);
    try {
      await warm(clusters);
      const reads = [wantsFrom(0, 40), wantsFrom(8, 32), wantsFrom(20, 44), wantsFrom(3, 1)];
      await Promise.all(reads.map((wants) => clusters.read(wants)));
      for (const [i, first] of [0, 8, 20, 3].entries()) {
        for (const [at, { target }] of reads[i]!.entries()) {
          expect(plain[first + at]!.equals(target), `cluster ${first + at}`).toBe(true);
        }
      }
    } finally {
      clusters.close();
    }
  });

  test('a damaged cluster is named, and the others around it are read', async () => {
    const damaged = Buffer.from(bytes);
    damaged.fill(0xff, hosts[30]!, hosts[30]! + 12);
    const clusters = open(damaged);
    try {
      for (let done = 0; done <= BEFORE_THREADS; done += 16 * CLUSTER) await clusters.read(wantsFrom(0, 16));
      await expect(clusters.read(wantsFrom(16, 32))).rejects.toMatchObject({
        code: 'IMGOPT_QCOW2_COMPRESSED_DATA',
        message: expect.stringContaining(`cluster at 0x${hosts[30]!.toString(16)} `),
      });
      const wants = wantsFrom(40, 16);
      await clusters.read(wants);
      expect(plain[40]!.equals(wants[0]!.target)).toBe(true);
    } finally {
      clusters.close();
    }
  });
});
