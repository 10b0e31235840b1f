/**
 * Linux software RAID: mirrors (RAID 1) are read, other levels are named.
 *
 * A mirror is read from one member, the first in the array's order of those that are up to date: with the highest
 * count of events, and in sync as the newest superblock says. What lies in the mirror lies in each of these, so
 * that a range maps to all of them. A member that fell behind is not read at all; the kernel would not take it
 * either before it has been rebuilt. No consistency between members is assumed for what nobody wrote.
 */
import type { Context } from '../../../core/contracts/context.ts';
import type {
  GroupVolume,
  MemberRange,
  Probe,
  ProbeInput,
  VolumeGroup,
  VolumeGroupSystem,
  VolumeMember,
} from '../../../core/contracts/disk.ts';
import { corrupt, isArtifactError } from '../../../core/errors.ts';
import { escapeName } from '../../../core/text.ts';
import { readBytes } from '../../../sources/read.ts';
import { spannedSource } from '../../../sources/spanned.ts';
import { MAX_SUPERBLOCK_BYTES } from './layout.ts';
import { parseSuperblock, type Superblock, superblockPlaces } from './superblock.ts';

export const mdVolumes: VolumeGroupSystem = { name: 'md', probe, assemble };

function probe({ head, tail, size }: ProbeInput): Probe | undefined {
  let isDamaged = false;
  for (const place of superblockPlaces(size)) {
    const inTail = place.at - (size - tail.length);
    const bytes = [head.subarray(place.at), ...(inTail >= 0 ? [tail.subarray(inTail)] : [])].find(
      (one) => one.length >= MAX_SUPERBLOCK_BYTES,
    );
    if (bytes === undefined) continue;
    const found = parseSuperblock(bytes.subarray(0, MAX_SUPERBLOCK_BYTES), place);
    if (found === 'damaged') isDamaged = true;
    else if (found !== undefined)
      return { certainty: 'certain', description: `MD RAID member, metadata ${found.version}` };
  }
  return isDamaged
    ? { certainty: 'resembles', description: 'an MD RAID member with a damaged superblock' }
    : undefined;
}

/** A member with its superblock. */
interface Component extends VolumeMember {
  readonly member: number;
  readonly superblock: Superblock;
}

async function assemble(members: readonly VolumeMember[], context: Context): Promise<VolumeGroup[]> {
  const arrays = new Map<string, Component[]>();
  for (const [member, { source, context: at }] of members.entries()) {
    try {
      const superblock = await readSuperblock(source);
      const array = arrays.get(superblock.uuid) ?? [];
      arrays.set(superblock.uuid, array);
      array.push({ source, context: at, member, superblock });
    } catch (error) {
      if (!isArtifactError(error)) throw error;
      at.report('error', error.code.replace(/^IMGOPT_/, ''), error.message);
    }
  }
  return [...arrays.values()].map((components) => assembleArray(components, context));
}

async function readSuperblock(source: VolumeMember['source']): Promise<Superblock> {
  for (const place of superblockPlaces(source.size)) {
    const found = parseSuperblock(await readBytes(source, place.at, MAX_SUPERBLOCK_BYTES), place);
    if (found !== undefined && found !== 'damaged') return found;
  }
  throw corrupt('MD_SUPERBLOCK', 'its superblock is damaged');
}

function assembleArray(components: readonly Component[], context: Context): VolumeGroup {
  const newest = components.reduce((best, one) =>
    one.superblock.events > best.superblock.events ? one : best,
  ).superblock;
  const at = context.at(escapeName(newest.name));
  const current: Component[] = [];
  const behind: Component[] = [];
  for (const one of components) (isCurrent(one.superblock, newest) ? current : behind).push(one);
  current.sort((a, b) => roleOf(a.superblock, newest) - roleOf(b.superblock, newest));
  for (const one of behind) {
    one.context.report(
      'warning',
      'MD_MEMBER_BEHIND',
      `is not up to date (event count ${one.superblock.events}, the newest is ${newest.events}): it is not read`,
    );
  }
  const missing = newest.raidDisks - new Set(current.map((one) => roleOf(one.superblock, newest))).size;
  if (missing > 0 && newest.level === 'raid1')
    at.report(
      'info',
      'MD_DEGRADED',
      `${missing} of its ${newest.raidDisks} members are not here or not up to date`,
    );
  const reader = current.find(({ superblock }) => !superblock.hasBadBlocks);
  const refusal = reasonToRefuse(newest, current, reader);
  if (refusal !== undefined) at.report('error', ...refusal);
  const volume =
    refusal === undefined && reader !== undefined
      ? mirror(newest, current, reader)
      : notRead(newest, components);
  return {
    name: null,
    volumes: [volume],
    tables: volume.source === null ? [] : current.flatMap((one) => tablesOf(one, newest.dataBytes)),
    unused: [],
    unread: volume.source === null ? [] : behind.map(wholeOf),
  };
}

function roleOf(superblock: Superblock, newest: Superblock): number {
  return newest.roles[superblock.device] ?? Infinity;
}

/** As the kernel takes it at assembly: the newest superblock knows it in sync, and it missed nothing. */
function isCurrent(superblock: Superblock, newest: Superblock): boolean {
  return (
    superblock.events === newest.events && roleOf(superblock, newest) !== Infinity && !superblock.isRecovering
  );
}

function reasonToRefuse(
  newest: Superblock,
  current: readonly Component[],
  reader: Component | undefined,
): [code: string, text: string] | undefined {
  if (newest.level !== 'raid1') return ['MD_LEVEL_NOT_READ', `is ${newest.level}, which is not read`];
  const obstacle = current.flatMap(({ superblock }) => superblock.obstacles)[0];
  if (obstacle !== undefined) return ['MD_FEATURE', `has the feature ${obstacle}, which is not read`];
  if (current.length === 0) return ['MD_NO_MEMBER', 'no member that is up to date is here'];
  if (reader === undefined)
    return ['MD_BAD_BLOCKS', 'every member that is here lists bad blocks, which are not read around'];
  const cut = current.find(({ source, superblock }) => superblock.dataStart + newest.dataBytes > source.size);
  if (cut !== undefined) return ['MD_TRUNCATED', 'reaches past the end of a member: the image is cut short'];
  return undefined;
}

function described({ level, name, uuid, version, dataBytes }: Superblock) {
  const colons = uuid.replaceAll('-', '').replace(/(.{8})(?=.)/g, '$1:');
  const number = /^\d+$/.test(name) ? [`/dev/md${name}`] : [];
  const byName = version === '0.90' ? [] : [`/dev/md/${name}`];
  return {
    type: level,
    name,
    uuid,
    size: dataBytes,
    devices: [...number, ...byName, `/dev/disk/by-id/md-uuid-${colons}`],
  };
}

function mirror(newest: Superblock, current: readonly Component[], reader: Component): GroupVolume {
  const { dataBytes } = newest;
  const sources = new Array<VolumeMember['source'] | null>(reader.member + 1).fill(null);
  sources[reader.member] = reader.source;
  const stripes = [{ member: reader.member, start: reader.superblock.dataStart }];
  const source = spannedSource(
    `md ${newest.name}`,
    dataBytes === 0 ? [] : [{ start: 0, end: dataBytes, stripes, stripeBytes: 0 }],
    sources,
  );
  const copies = (start: number, end: number): MemberRange[] =>
    current.map(({ member, superblock: { dataStart } }) => ({
      member,
      start: dataStart + start,
      end: dataStart + end,
    }));
  return {
    ...described(newest),
    source,
    places: copies(0, dataBytes),
    pinned: null,
    toMembers: ({ start, end }) => copies(start, end),
  };
}

/** Its size is that of its members: what a level makes of them is not worked out for what is not read. */
function notRead(newest: Superblock, components: readonly Component[]): GroupVolume {
  const places = components.map(wholeOf);
  const size = places.reduce((sum, { start, end }) => sum + end - start, 0);
  return { ...described(newest), size, source: null, places, pinned: null, toMembers: () => [] };
}

function wholeOf({ member, source }: Component): MemberRange {
  return { member, start: 0, end: source.size };
}

/** Superblock, bitmap and lists of bad blocks: what lies before and behind the data. */
function tablesOf(
  { member, source, superblock: { dataStart } }: Component,
  dataBytes: number,
): MemberRange[] {
  return [
    { member, start: 0, end: dataStart },
    { member, start: dataStart + dataBytes, end: source.size },
  ].filter(({ start, end }) => end > start);
}
