/**
 * BLOCK_GROUP_TREE, which no tool of Debian's makes yet: worked by hand on an image that a kernel made. The tree of UUIDs,
 * whose one leaf nobody needs, becomes a block group tree; the items in the extent tree, which then do not count, lie.
 */
import { expect, it } from 'vitest';
import { viewOf } from '../../../../src/core/record.ts';
import { xxhash64 } from '../../../../src/core/xxhash64.ts';
import { memorySource } from '../../../../src/sources/memory.ts';
import { openBtrfs } from '../../../support/btrfs.ts';
import { fixtureBytes } from '../../../support/fixtures.ts';

const NODE = 4096;
const SUPERBLOCK = 65536;
const UUID_TREE = 9n;
const BLOCK_GROUP_TREE = 11n;

function seal(bytes: Buffer, at: number): void {
  const { high, low } = xxhash64(bytes.subarray(at + 32, at + NODE));
  bytes.writeUInt32LE(low, at);
  bytes.writeUInt32LE(high, at + 4);
}

/** Leaves with items of a type, the newest at each address, found by the filesystem's UUID in their headers. */
function leavesWith(bytes: Buffer, owner: bigint): number[] {
  const newest = new Map<bigint, number>();
  for (let at = 1024 * 1024; at + NODE <= bytes.length; at += NODE) {
    if (bytes.compare(bytes, SUPERBLOCK + 32, SUPERBLOCK + 48, at + 32, at + 48) !== 0) continue;
    if (bytes.readBigUInt64LE(at + 88) !== owner || bytes[at + 100] !== 0) continue;
    const address = bytes.readBigUInt64LE(at + 48);
    const known = newest.get(address);
    if (known === undefined || bytes.readBigUInt64LE(known + 80) < bytes.readBigUInt64LE(at + 80)) {
      newest.set(address, at);
    }
  }
  return [...newest.values()];
}

it('is read in the place of the items in the extent tree', async () => {
  const bytes = fixtureBytes('btrfs/xxhash.img');
  const before = (await openBtrfs(memorySource(bytes))).filesystem;
  const wanted = { usage: before.usage(), unused: [...(await before.unusedExtents())] };

  // What the newest leaves of the extent tree say of block groups.
  const groups = new Map<bigint, { key: Buffer; data: Buffer; generation: bigint }>();
  for (const leaf of leavesWith(bytes, 2n)) {
    const generation = bytes.readBigUInt64LE(leaf + 80);
    for (let i = 0; i < bytes.readUInt32LE(leaf + 96); i++) {
      const item = leaf + 101 + 25 * i;
      if (bytes[item + 8] !== 192) continue;
      const data = leaf + 101 + bytes.readUInt32LE(item + 17);
      const address = bytes.readBigUInt64LE(item);
      if ((groups.get(address)?.generation ?? -1n) < generation) {
        const key = Buffer.from(bytes.subarray(item, item + 17));
        groups.set(address, { key, data: Buffer.from(bytes.subarray(data, data + 24)), generation });
      }
      bytes.writeUInt32LE(0x1234, data);
    }
    seal(bytes, leaf);
  }
  expect(groups.size).toBe(3);

  // The tree's new leaf and its root.
  const rootItems = leavesWith(bytes, 1n)
    .sort((a, b) => Number(bytes.readBigUInt64LE(b + 80) - bytes.readBigUInt64LE(a + 80)))
    .flatMap((at) =>
      Array.from({ length: bytes.readUInt32LE(at + 96) }, (_, i) => ({ root: at, item: at + 101 + 25 * i })),
    );
  const { root, item } = rootItems.find(
    (one) => bytes.readBigUInt64LE(one.item) === UUID_TREE && bytes[one.item + 8] === 132,
  )!;
  bytes.writeBigUInt64LE(BLOCK_GROUP_TREE, item);
  const address = bytes.readBigUInt64LE(root + 101 + bytes.readUInt32LE(item + 17) + 176);
  seal(bytes, root);
  const leaf = leavesWith(bytes, UUID_TREE).find((at) => bytes.readBigUInt64LE(at + 48) === address)!;
  bytes.writeBigUInt64LE(BLOCK_GROUP_TREE, leaf + 88);
  bytes.writeUInt32LE(groups.size, leaf + 96);
  let end = NODE - 101;
  for (const [i, one] of [...groups]
    .sort(([a], [b]) => Number(a - b))
    .map(([, group]) => group)
    .entries()) {
    end -= one.data.length;
    one.key.copy(bytes, leaf + 101 + 25 * i);
    bytes.writeUInt32LE(end, leaf + 101 + 25 * i + 17);
    bytes.writeUInt32LE(one.data.length, leaf + 101 + 25 * i + 21);
    one.data.copy(bytes, leaf + 101 + end);
  }
  seal(bytes, leaf);

  // Without the feature the lies are met.
  expect((await openBtrfs(memorySource(bytes))).filesystem.usage()).not.toEqual(wanted.usage);
  viewOf(bytes).setUint8(SUPERBLOCK + 180, 0x8);
  seal(bytes, SUPERBLOCK);
  const { filesystem, log } = await openBtrfs(memorySource(bytes));
  expect(filesystem.features).toContain('BLOCK_GROUP_TREE');
  expect(filesystem.usage()).toEqual(wanted.usage);
  expect([...(await filesystem.unusedExtents())]).toEqual(wanted.unused);
  expect(log.list()).toEqual([]);
});
