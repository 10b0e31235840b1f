/**
 * Thin pools of a group, and the volumes in them. A pool stands on two hidden volumes, its metadata and its data; a thin
 * volume is a number in the pool's metadata. What a pool's data holds beside its volumes is unused only when the
 * metadata says so without doubt.
 */
import type { Context } from '../../../core/contracts/context.ts';
import { ImgoptError, isArtifactError } from '../../../core/errors.ts';
import type { ByteRange } from '../../../core/extents.ts';
import { MAX_VIRTUAL_SIZE } from '../../../core/limits.ts';
import { escapeName } from '../../../core/text.ts';
import { MappedRuns } from '../../../sources/mapped.ts';
import type { SpannedSource } from '../../../sources/spanned.ts';
import type { Group, LogicalVolume, Segment } from './group.ts';
import { SECTOR } from './layout.ts';
import { readThinPool, stretchesOf, type ThinPool, thinSource } from './thin.ts';

/** Why a volume is not read. */
export type Reason = readonly [code: string, text: string];

/** A pool that can be read. */
export interface Pool extends ThinPool {
  readonly metadata: SpannedSource;
  readonly data: SpannedSource;
  /** By device: how many volumes say that they are it. */
  readonly claims: ReadonlyMap<number, number>;
}

export type PoolState = Pool | Reason;

export interface ThinVolume {
  readonly source: SpannedSource;
  /** Other volumes, too, refer to some of its blocks. */
  readonly isShared: boolean;
}

/**
 * Reads the metadata of all pools, by the names of the pools.
 * @param open the content of a volume, or why it is not read
 */
export async function readPools(
  group: Group,
  context: Context,
  open: (volume: LogicalVolume) => SpannedSource | Reason,
): Promise<ReadonlyMap<string, PoolState>> {
  const pools = new Map<string, PoolState>();
  const users = new Map<string, number>();
  for (const { segments } of group.volumes.values())
    for (const { uses } of segments) for (const name of uses) users.set(name, (users.get(name) ?? 0) + 1);
  for (const volume of group.volumes.values()) {
    const [segment, ...more] = volume.segments;
    if (segment?.type !== 'thin-pool' || more.length > 0) continue;
    const parts = [segment.section.string('metadata'), segment.section.string('pool')];
    // What another one stands on too, or a guest sees, is not the pool's alone: nothing of it would be certain.
    const shared = parts.find(
      (name) => users.get(name) !== 1 || group.volumes.get(name)?.status.has('VISIBLE'),
    );
    pools.set(
      volume.name,
      shared !== undefined
        ? ['LVM2_THIN_PARTS', `stands on ${escapeName(shared)}, which is not its own`]
        : await readPool(group, volume.name, segment, context.at(volume.name), open),
    );
  }
  return pools;
}

async function readPool(
  group: Group,
  poolName: string,
  { section }: Segment,
  context: Context,
  open: (volume: LogicalVolume) => SpannedSource | Reason,
): Promise<PoolState> {
  const part = (key: string): SpannedSource | Reason => {
    const name = section.string(key);
    const volume = group.volumes.get(name);
    if (volume === undefined) throw section.wrong(`stands on '${escapeName(name)}', which is not there`);
    const opened = open(volume);
    return isReason(opened) ? [opened[0], `its ${key} ${escapeName(name)} ${opened[1]}`] : opened;
  };
  try {
    const [metadata, data] = [part('metadata'), part('pool')];
    if (isReason(metadata)) return metadata;
    if (isReason(data)) return data;
    const blockBytes = section.number('chunk_size') * SECTOR;
    if (blockBytes === 0) throw section.wrong('has blocks of no size');
    const pool = await readThinPool(metadata, blockBytes, data.size, context);
    const expected = section.number('transaction_id');
    if (pool.transaction !== expected && pool.devices.size > 0) {
      const message = `its metadata is of transaction ${pool.transaction}, its group of ${expected}`;
      context.report('warning', 'LVM2_THIN_TRANSACTION', message);
    }
    if (pool.needsCheck)
      context.report(
        'warning',
        'LVM2_THIN_NEEDS_CHECK',
        'waits for thin_check: nothing of it counts as unused',
      );
    return { ...pool, metadata, data, claims: claimsOf(group, poolName) };
  } catch (error) {
    if (!isArtifactError(error)) throw error;
    return reasonOf(error);
  }
}

/** How many volumes of a pool are the same device. */
function claimsOf(group: Group, poolName: string): ReadonlyMap<number, number> {
  const claims = new Map<number, number>();
  for (const { segments } of group.volumes.values()) {
    for (const { type, section } of segments) {
      if (type !== 'thin' || section.string('thin_pool') !== poolName) continue;
      const device = section.number('device_id');
      claims.set(device, (claims.get(device) ?? 0) + 1);
    }
  }
  return claims;
}

function isReason(one: SpannedSource | Reason): one is Reason {
  return Array.isArray(one);
}

function reasonOf(error: ImgoptError): Reason {
  const place = error.where.length === 0 ? '' : `${escapeName(error.place)}: `;
  return [error.code.replace(/^IMGOPT_/, ''), `${place}${error.message}`];
}

/** The pool of a thin volume; undefined for other volumes. */
export function poolOf(
  { segments }: LogicalVolume,
  pools: ReadonlyMap<string, PoolState>,
): PoolState | undefined {
  const [segment, ...more] = segments;
  if (segment?.type !== 'thin' || more.length > 0) return undefined;
  return pools.get(segment.section.string('thin_pool'));
}

/** Of a volume that `poolOf` finds a pool for; undefined when it can be read. */
export function reasonToRefuseThin(
  volume: LogicalVolume,
  pools: ReadonlyMap<string, PoolState>,
): Reason | undefined {
  const { section } = volume.segments[0]!;
  const pool = poolOf(volume, pools)!;
  if (!('data' in pool)) {
    const name = escapeName(section.string('thin_pool'));
    return ['LVM2_SEGMENT_NOT_READ', `is a volume of the thin pool ${name}, which is not read`];
  }
  if (volume.size > MAX_VIRTUAL_SIZE)
    return ['LVM2_THIN_SIZE', `claims ${volume.size} bytes; ${MAX_VIRTUAL_SIZE} is the limit`];
  for (const [key, name] of section.strings()) {
    if (key === 'external_origin')
      return [
        'LVM2_THIN_EXTERNAL_ORIGIN',
        `shows what it does not have of ${escapeName(name)}: it is not read`,
      ];
    if (key === 'merge')
      return [
        'LVM2_THIN_MERGE',
        `is being merged with ${escapeName(name)}, which did not finish: it is not read`,
      ];
  }
  const device = section.number('device_id');
  if (pool.claims.get(device) !== 1)
    return ['LVM2_THIN_DEVICE', `is thin device ${device}, and so is another volume: it is not read`];
  const runs = pool.devices.get(device);
  return runs instanceof ImgoptError ? reasonOf(runs) : undefined;
}

/** What a thin volume maps. One that the metadata does not know yet was never written; of a damaged one nothing is known. */
function runsOf(volume: LogicalVolume, pool: Pool): MappedRuns {
  const known = pool.devices.get(volume.segments[0]!.section.number('device_id'));
  return known instanceof MappedRuns ? known : new MappedRuns();
}

/** A thin volume over its pool. */
export function thinVolume(name: string, volume: LogicalVolume, pool: Pool): ThinVolume {
  const runs = runsOf(volume, pool);
  let isShared = false;
  for (let run = 0; run < runs.count && !isShared; run++) {
    const start = runs.start[run]!;
    isShared = pool.references.subarray(start, start + runs.length[run]!).some((count) => count > 1);
  }
  return { source: thinSource(name, volume.size, pool.blockBytes, runs, pool.data), isShared };
}

/**
 * What of a pool's data none of its volumes shows, in bytes of the data.
 * @param volumes the pool's, as far as they are shown, read or not
 */
export function restOf(
  pool: Pool,
  volumes: readonly LogicalVolume[],
): { unused: ByteRange[]; unread: ByteRange[] } {
  const shown = new Uint8Array(pool.references.length);
  for (const volume of volumes) {
    const { count, start, length } = runsOf(volume, pool);
    for (let run = 0; run < count; run++) shown.fill(1, start[run]!, start[run]! + length[run]!);
  }
  const free = stretchesOf(pool.references, pool.blockBytes, (count) => count === 0);
  // What devices map that the group does not show, and all that is not mapped when that proves nothing.
  const hidden = pool.references.map((count, block) => (count > 0 && shown[block] === 0 ? 1 : 0));
  const unread = stretchesOf(hidden, pool.blockBytes, (count) => count > 0);
  return pool.isAccounted && !pool.needsCheck
    ? { unused: free, unread }
    : { unused: [], unread: [...free, ...unread] };
}
