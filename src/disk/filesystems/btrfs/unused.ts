/**
 * What is unused: complete and proved, or an error, because these bytes will be dropped.
 *
 * Inside of chunks that is what the extent tree does not list, in every copy; outside of them whatever no chunk takes.
 * Before it is believed: the extents lie in chunks and apart from one another; what each chunk counts as used, and the
 * superblock in all, is what its extents add up to; every node of every subvolume and every extent that a file refers
 * to is among them; chunks and the device tree take the same parts of the devices; and where there is a valid
 * free-space tree, it says the same. The first MiB of each device and the superblock's copies are kept.
 */
import { corrupt, type ImgoptError, unsupported } from '../../../core/errors.ts';
import { ExtentSet } from '../../../core/extents.ts';
import { hex } from '../../../core/text.ts';
import { unwritableFeatures } from './features.ts';
import { readFreeSpace } from './free-space.ts';
import { big64 } from './keys.ts';
import { COMPAT_RO, DEV_EXTENT, DEV_REPLACE, ITEM, TREE } from './layout.ts';
import { dataAt, itemAt, sizeOf } from './nodes.ts';
import { reservedExtents } from './reserved.ts';
import type { Roots } from './roots.ts';
import type { ScanFindings } from './scan.ts';
import { placesOf, readBlockGroups, readSpace, type Space, treeRoot } from './space.ts';
import { walkTree } from './tree.ts';
import type { Volume } from './volume.ts';

const stop = (error: ImgoptError): never => {
  throw error;
};

/**
 * @returns unused extents of the source in bytes, ascending
 * @throws `corrupt` when anything contradicts itself, `unsupported` when a feature may use more space
 */
export async function unusedExtents(
  volume: Volume,
  roots: Roots,
  findings: ScanFindings,
): Promise<ExtentSet> {
  const { source, superblock, chunks, devices } = volume;
  const unknown = unwritableFeatures(superblock.compatRo);
  if (unknown.length > 0) {
    throw unsupported(
      'BTRFS_FEATURE',
      `uses ${unknown.join(', ')}, which may use space that imgopt takes for free`,
    );
  }
  if (chunks.missing.length > 0 || devices.size !== superblock.deviceCount) {
    throw unsupported('BTRFS_DEVICE_MISSING', 'a device is missing: what is unused is not known');
  }
  for (const { start, size } of devices.values()) {
    if (start + size > source.size) {
      throw corrupt('BTRFS_TRUNCATED', 'the filesystem is larger than what holds it', {
        advice: 'copy the image again',
      });
    }
  }
  if (!findings.isWhole || !roots.isWhole) {
    throw corrupt('BTRFS_DAMAGED', 'part of its trees could not be read: what is unused is not known', {
      advice: 'run btrfs check',
    });
  }
  const space = await readSpace(volume, roots, stop);
  await checkCounts(volume, roots, space);
  checkUse(space, roots, findings);
  const onDevices = await checkDevices(volume, roots);
  const free = space.data
    .union(space.metadata)
    .complement(0, Number.MAX_SAFE_INTEGER)
    .intersect(
      ExtentSet.from(chunks.all.map(({ logical, length }) => ({ start: logical, end: logical + length }))),
    );
  const reserved = reservedExtents(volume);
  await checkFreeSpace(volume, roots, free, reserved);
  let outside = ExtentSet.empty;
  for (const { start, size } of devices.values()) {
    outside = outside.union(onDevices.complement(start, start + size));
  }
  return outside.union(placesOf(volume, free)).subtract(reserved);
}

/** Block groups and the superblock count what the extents add up to. */
async function checkCounts(volume: Volume, roots: Roots, space: Space): Promise<void> {
  const groups = await readBlockGroups(volume, roots, stop);
  let total = 0;
  for (const { logical, length } of volume.chunks.all) {
    const counted = groups.get(logical);
    if (counted === undefined)
      throw corrupt('BTRFS_BLOCK_GROUP', `the chunk at ${hex(logical)} has no block group`);
    const end = logical + length;
    const used = space.data.overlap(logical, end) + space.metadata.overlap(logical, end);
    if (used !== counted) {
      throw corrupt(
        'BTRFS_USED',
        `${used} bytes of the chunk at ${hex(logical)} are in use, it counts ${counted}`,
        {
          advice: 'run btrfs check',
        },
      );
    }
    total += used;
  }
  if (total !== volume.superblock.usedBytes) {
    throw corrupt(
      'BTRFS_USED',
      `${total} bytes are in use, the superblock counts ${volume.superblock.usedBytes}`,
      {
        advice: 'run btrfs check',
      },
    );
  }
}

/** Whatever is reached from the roots is allocated. */
function checkUse(space: Space, roots: Roots, findings: ScanFindings): void {
  const wrong = (what: string): ImgoptError =>
    corrupt('BTRFS_FREE_IN_USE', `${what} is in use and not allocated`, { advice: 'run btrfs check' });
  const nodes = [...roots.trees.values()].map(({ bytenr }) => bytenr);
  for (const bytenr of [...findings.nodes, ...nodes, ...roots.otherRoots]) {
    if (!space.metadata.contains(bytenr)) throw wrong(`the node at ${hex(bytenr)}`);
  }
  const files = findings.references.extents().subtract(space.data);
  if (!files.isEmpty) throw wrong(`the extent of a file at ${hex(files.startOf(0))}`);
}

/** Chunks and the device tree agree. @returns places of the source that chunks take */
async function checkDevices(volume: Volume, roots: Roots): Promise<ExtentSet> {
  const { devices, chunks } = volume;
  const wanted = new Map<string, number>();
  const ranges: { start: number; end: number }[] = [];
  for (const { logical, stripes, stripeBytes } of chunks.all) {
    for (const { device, start } of stripes) {
      wanted.set(`${device} ${start} ${stripeBytes}`, logical);
      const base = devices.get(device)!.start;
      ranges.push({ start: base + start, end: base + start + stripeBytes });
    }
  }
  const wrong = (what: string): ImgoptError => corrupt('BTRFS_DEV_EXTENT', what, { where: ['device tree'] });
  await walkTree(volume, treeRoot(roots, TREE.device, 'device'), {
    leaf: ({ view, at, count }) => {
      for (let i = 0; i < count; i++) {
        const item = itemAt(at, i);
        const type = view.getUint8(item + 8);
        const data = dataAt(view, at, item);
        if (type === ITEM.devReplace && sizeOf(view, item) > DEV_REPLACE.state) {
          const state = big64(view, data + DEV_REPLACE.state);
          if (state === DEV_REPLACE.started || state === DEV_REPLACE.suspended) {
            throw unsupported('BTRFS_DEV_REPLACE', 'a device is being replaced: what is unused is not known');
          }
        }
        if (type !== ITEM.devExtent) continue;
        if (sizeOf(view, item) < DEV_EXTENT.bytes) throw wrong('an extent is cut short');
        const [device, start] = [big64(view, item), big64(view, item + 9)];
        const key = `${device} ${start} ${big64(view, data + DEV_EXTENT.length)}`;
        if (wanted.get(key) !== big64(view, data + DEV_EXTENT.chunkOffset)) {
          throw wrong(`the extent at byte ${start} of device ${device} is no chunk's`);
        }
        wanted.delete(key);
      }
    },
    failed: stop,
  });
  if (wanted.size > 0) throw wrong(`the chunk at ${hex([...wanted.values()][0]!)} has no place on a device`);
  const set = ExtentSet.from(ranges);
  if (set.total !== ranges.reduce((sum, { start, end }) => sum + end - start, 0)) {
    throw wrong('two chunks take the same place of a device');
  }
  return set;
}

/** The free-space tree, where it is kept, says the same but for the superblock's copies, which are not free. */
async function checkFreeSpace(
  volume: Volume,
  roots: Roots,
  free: ExtentSet,
  reserved: ExtentSet,
): Promise<void> {
  const valid = COMPAT_RO.freeSpaceTree | COMPAT_RO.freeSpaceTreeValid;
  if ((volume.superblock.compatRo & valid) !== valid) return;
  const stated = await readFreeSpace(volume, treeRoot(roots, TREE.freeSpace, 'free space'));
  const tooMuch = stated.subtract(free);
  if (!tooMuch.isEmpty) {
    throw corrupt(
      'BTRFS_FREE_SPACE',
      `${hex(tooMuch.startOf(0))} is allocated, and free by the free-space tree`,
    );
  }
  for (const { start, end } of free.subtract(stated)) {
    for (let at = start; at < end; ) {
      const chunk = volume.chunks.find(at, 1)!;
      const stopAt = Math.min(end, chunk.logical + chunk.length);
      const places = volume.chunks.placesOf(at, stopAt);
      if (!places.some((place) => reserved.overlap(place.start, place.end) === place.end - place.start)) {
        throw corrupt(
          'BTRFS_FREE_SPACE',
          `${hex(at)} is allocated to nothing, and not free by the free-space tree`,
        );
      }
      at = stopAt;
    }
  }
}
