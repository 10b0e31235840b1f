/** Compressed clusters by themselves: what is in flight for one reader while another wants it too. */
import { deflateRawSync } from 'node:zlib';
import { expect, test } from 'vitest';
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
  );
  const other = { ...wants[0]!, target: new Uint8Array(CLUSTER) };
  await Promise.all([clusters.read([other]), clusters.read(wants)]);
  for (const [number, { target }] of [...wants.entries(), [0, other] as const]) {
    expect(Buffer.from(target).equals(Buffer.alloc(CLUSTER, `cluster ${number}; `)), `${number}`).toBe(true);
  }
});
