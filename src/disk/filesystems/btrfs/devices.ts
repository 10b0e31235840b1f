/**
 * The devices of a filesystem. One alone is the source itself. Several lie end to end in the source, each as long as
 * its superblock says, in the order in which their group was put together; here they are found again by that.
 */
import type { Context } from '../../../core/contracts/context.ts';
import type { BlockSource } from '../../../core/contracts/source.ts';
import { corrupt, type ImgoptError, isArtifactError } from '../../../core/errors.ts';
import { MAX_BTRFS_DEVICES } from '../../../core/limits.ts';
import { readBytes } from '../../../sources/read.ts';
import { SUPERBLOCK_BYTES, SUPERBLOCK_OFFSETS } from './layout.ts';
import { parseSuperblock, type Superblock } from './superblock.ts';

export interface Device {
  /** btrfs's number of it. */
  readonly id: number;
  /** Where it begins in the source. */
  readonly start: number;
  /** As its superblock says; the source may hold less. */
  readonly size: number;
}

export interface FoundDevices {
  /** The newest of all devices'. */
  readonly superblock: Superblock;
  readonly devices: ReadonlyMap<number, Device>;
  /** A superblock was damaged, and its copy taken. */
  readonly isRepaired: boolean;
}

/** @throws `corrupt` when the first device has no sound superblock, `unsupported` naming a feature */
export async function findDevices(source: BlockSource, context: Context): Promise<FoundDevices> {
  const first = await readSuperblock(source, 0, context);
  let newest = first.superblock;
  let { isRepaired } = first;
  const devices = new Map([[newest.device, { id: newest.device, start: 0, size: newest.deviceBytes }]]);
  // The source of a single device is the volume that holds it: what lies behind is nobody's.
  let start = newest.deviceCount === 1 ? source.size : newest.deviceBytes;
  while (start < source.size && devices.size < MAX_BTRFS_DEVICES) {
    const { superblock, isRepaired: isNext } = await readSuperblock(source, start, context);
    if (devices.has(superblock.device) || superblock.uuid !== newest.uuid) {
      throw corrupt('BTRFS_DEVICES', `the device at byte ${start} is not another one of this filesystem`);
    }
    devices.set(superblock.device, { id: superblock.device, start, size: superblock.deviceBytes });
    if (superblock.generation > newest.generation) newest = superblock;
    isRepaired ||= isNext;
    start += superblock.deviceBytes;
  }
  return { superblock: newest, devices, isRepaired };
}

/** The first of a device's superblocks, or when that is damaged the newest of its copies. */
async function readSuperblock(
  source: BlockSource,
  start: number,
  context: Context,
): Promise<{ superblock: Superblock; isRepaired: boolean }> {
  let damage: ImgoptError | undefined;
  let best: Superblock | undefined;
  let place = 0;
  for (const offset of SUPERBLOCK_OFFSETS) {
    if (start + offset + SUPERBLOCK_BYTES > source.size) break;
    // A copy behind the end of its device is the next device's.
    if (best !== undefined && offset + SUPERBLOCK_BYTES > best.deviceBytes) break;
    try {
      const superblock = parseSuperblock(await readBytes(source, start + offset, SUPERBLOCK_BYTES), offset);
      if (damage === undefined) return { superblock, isRepaired: false };
      if (best === undefined || superblock.generation > best.generation) {
        best = superblock;
        place = offset;
      }
    } catch (error) {
      // Only a superblock that contradicts itself is worth looking for another; a missing feature stays missing.
      if (!isArtifactError(error) || error.family === 'unsupported') throw error;
      damage ??= error;
    }
  }
  if (best === undefined) {
    throw (damage ?? corrupt('BTRFS_MAGIC', 'is too small for a superblock')).within('superblock');
  }
  const message = `${damage!.message}; the copy at byte ${place} is used`;
  context.at('superblock').report('error', damage!.code.replace(/^IMGOPT_/, ''), message);
  return { superblock: best, isRepaired: true };
}
