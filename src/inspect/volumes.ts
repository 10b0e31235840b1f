/**
 * From a disk to what stands on it: partition tables are opened, volumes walked in order, and each volume's
 * filesystem recognised. Nothing is skipped in silence: a volume ends up as a filesystem (read or only
 * recognised) or as a region that says why it is none, and every byte outside of volumes is a gap or a table.
 *
 * A volume system inside a volume (a partition table inside a logical volume, say) is followed a few levels
 * deep. At the top a partition table is asked for before a filesystem; inside a volume it is the other way
 * round, because boot sectors of filesystems resemble partition tables. A hybrid ISO image is read as the disc that
 * it is. Members of groups (LVM, software RAID) go before filesystems at every level: the first member of a mirror
 * may look just like the filesystem on it.
 *
 * What belongs to a group is set aside until the walk has seen the whole disk; then each system gets all of its
 * members at once and puts them together, and the walk goes on in the volumes that come out. Systems take their
 * turn in the registry's order, so that arrays stand before the logical volumes on them.
 */
import type { RunContext } from '../core/context.ts';
import type {
  ContainedDisk,
  GroupVolume,
  MemberRange,
  ProbeInput,
  VolumeGroup,
  VolumeGroupSystem,
  VolumeLayout,
  VolumeTable,
} from '../core/contracts/disk.ts';
import type { FilesystemDriver, FilesystemProbe } from '../core/contracts/filesystem.ts';
import type { DiskRegion, InspectedPartition } from '../core/contracts/inspection.ts';
import type { Drivers } from '../core/contracts/registry.ts';
import type { BlockSource } from '../core/contracts/source.ts';
import { isArtifactError, locate } from '../core/errors.ts';
import { type ByteRange, ExtentSet } from '../core/extents.ts';
import { MAX_VOLUME_DEPTH } from '../core/limits.ts';
import { formatSize } from '../core/size.ts';
import { escapeName } from '../core/text.ts';
import { readProbe } from '../sources/read.ts';
import { sliceSource } from '../sources/slice.ts';
import { describeContent } from './content.ts';

/** Something with a filesystem on it: a volume, or the whole disk. */
export interface Stand {
  readonly source: BlockSource;
  readonly driver: FilesystemDriver;
  readonly probe: FilesystemProbe;
  /** Position in `partitions`; null for the whole disk. */
  readonly partition: number | null;
  /** The volume's name; null for the only disk. */
  readonly volume: string | null;
  /** Position of its disk in a container; undefined outside of one. */
  readonly disk?: number;
  /** Offset on its disk of its first byte. */
  readonly start: number;
  readonly devices: readonly string[];
  readonly pinned: string | null;
  toDisk(range: ByteRange): readonly ByteRange[];
  /** Below the artifact: `gpt > 2 > ext4`. */
  readonly where: readonly string[];
}

export interface Exploration {
  readonly partitions: InspectedPartition[];
  readonly stands: Stand[];
  readonly regions: DiskRegion[];
  /** The outermost scheme's sector size; null without a table. */
  sectorSize: number | null;
}

/** Partition types whose content is a boot loader's own code, in no filesystem. */
const BOOT_TYPES = new Set([
  '21686148-6449-6e6f-744e-656564454649', // GPT: BIOS boot
  '9e1a2d38-c612-4316-aa26-8b49521e5a8b', // GPT: PowerPC PReP boot
  'fe3a2a5d-4f32-41a7-b725-accc3285a309', // GPT: ChromeOS kernel, which cloud images for it boot from
  '0x41', // MBR: PReP boot
]);
/** Reserved by its table's rules: whatever it holds, no operating system reads it. */
const RESERVED_TYPES = new Set(['e3c9e316-0b5c-4db8-817d-f92df00215ae']); // GPT: Microsoft reserved

interface Place {
  readonly source: BlockSource;
  readonly volume: string | null;
  readonly disk?: number;
  /** Where its disk begins among all disks of a container; 0 outside of one. */
  readonly base: number;
  readonly start: number;
  readonly partition: number | null;
  readonly type: string | null;
  readonly devices: readonly string[];
  readonly pinned: string | null;
  readonly depth: number;
  /** What has put it together, and is not asked whether it is a member again. */
  readonly joinedBy?: VolumeGroupSystem;
  toDisk(range: ByteRange): readonly ByteRange[];
}

/** A place that belongs to a group, until all of its members are there. */
interface Claimed {
  readonly place: Place;
  readonly system: VolumeGroupSystem;
  readonly context: RunContext;
}

interface Walk extends Exploration {
  readonly claimed: Claimed[];
  /** Names of volumes that are taken. */
  readonly names: Set<string>;
}

/** Numbers of partitions begin again in every table, and groups are named by whoever made them: two may agree. */
function nameVolume({ names }: Walk, wanted: string): string {
  let name = wanted;
  for (let number = 2; names.has(name); number++) name = `${wanted}~${number}`;
  names.add(name);
  return name;
}

/**
 * Walks the whole disk, or all disks of a container. What cannot be read is reported through the context; the rest
 * goes on.
 */
export async function exploreDisk(
  disk: BlockSource,
  drivers: Drivers,
  context: RunContext,
  contained?: readonly ContainedDisk[],
): Promise<Exploration> {
  const found: Walk = {
    partitions: [],
    stands: [],
    regions: [],
    sectorSize: null,
    claimed: [],
    names: new Set(),
  };
  const top = { start: 0, partition: null, volume: null, type: null, devices: [], pinned: null, depth: 0 };
  if (contained === undefined) {
    const place: Place = { ...top, source: disk, base: 0, toDisk: (range) => [range] };
    await exploreOrReport(place, drivers, context, found);
  }
  const isSeveral = (contained?.length ?? 1) > 1;
  for (const [index, { name, start, size, disk: inside }] of (contained ?? []).entries()) {
    if (inside === null) {
      const ranges = ExtentSet.of(start, start + size);
      found.regions.push({ kind: 'unread', ranges, partition: null });
      continue;
    }
    const place: Place = {
      ...top,
      volume: isSeveral ? nameVolume(found, `disk${index + 1}`) : null,
      source: sliceSource(disk, start, size),
      disk: index,
      base: start,
      toDisk: (range) => [{ start: range.start + start, end: range.end + start }],
    };
    await exploreOrReport(place, drivers, context.at(escapeName(name)), found);
  }
  // Ends: what comes out of a group lies deeper than its members, and depth is bounded.
  while (found.claimed.length > 0) await exploreGroups(drivers, context, found);
  return found;
}

function diskOf({ disk }: Place): Pick<Place, 'disk'> {
  return disk === undefined ? {} : { disk };
}

/** A volume that cannot be explored is reported, and its bytes count as not read; the others go on. */
async function exploreOrReport(
  place: Place,
  drivers: Drivers,
  context: RunContext,
  found: Walk,
): Promise<void> {
  try {
    await explore(place, drivers, context, found);
  } catch (error) {
    if (!isArtifactError(error)) throw error;
    context.log.addError(error, context.where);
    found.regions.push({ kind: 'unread', ranges: onDisk(place, whole(place)), partition: place.partition });
  }
}

async function explore(place: Place, drivers: Drivers, context: RunContext, found: Walk): Promise<void> {
  const probe = await readProbe(place.source);
  const systems = drivers.volumeSystems.filter((one) => one.probe(probe)?.certainty === 'certain');
  const isDeep = place.depth >= MAX_VOLUME_DEPTH;
  const table = systems.find((one) => 'open' in one);
  const group = systems.find((one) => 'assemble' in one && one !== place.joinedBy) as
    | VolumeGroupSystem
    | undefined;
  const filesystem = recognise(probe, drivers.filesystems);
  const isTableAbove = place.depth === 0 && filesystem?.answer.holdsTable !== true;
  if (isTableAbove && table !== undefined) return exploreVolumes(place, table, drivers, context, found);
  if (group !== undefined && !isDeep) {
    found.claimed.push({ place, system: group, context });
    return;
  }
  const isFilesystem = filesystem !== undefined && filesystem.answer.usage !== 'container';
  if (table !== undefined && !isFilesystem && !isDeep) {
    await exploreVolumes(place, table, drivers, context, found);
  } else if (filesystem !== undefined) {
    const { driver, answer } = filesystem;
    found.stands.push({ ...place, driver, probe: answer, where: [...context.where, answer.type] });
  } else {
    found.regions.push(unknownRegion(place, probe, drivers, context));
  }
}

/** The driver that is certain; the first in registry order when several are. */
function recognise(
  probe: ProbeInput,
  drivers: readonly FilesystemDriver[],
): { driver: FilesystemDriver; answer: FilesystemProbe } | undefined {
  for (const driver of drivers) {
    const answer = driver.probe(probe);
    if (answer?.certainty === 'certain') return { driver, answer };
  }
  return undefined;
}

async function exploreVolumes(
  place: Place,
  system: VolumeTable,
  drivers: Drivers,
  context: RunContext,
  found: Walk,
): Promise<void> {
  const inner = context.at(system.name);
  const layout = await locate(system.name, () => system.open(place.source, inner));
  found.sectorSize ??= layout.sectorSize;
  const tables = ExtentSet.from(layout.tables).clip(0, place.source.size);
  const unused = ExtentSet.from(layout.unused).clip(0, place.source.size);
  addRegion(found, place, 'table', tables);
  addRegion(found, place, 'unused', unused);
  addRegion(found, place, 'gap', gaps(place, layout, tables.union(unused)));
  for (const volume of layout.volumes) {
    const at = inner.at(String(volume.index));
    const start = place.start + volume.start;
    const { index, type, name, uuid, size } = volume;
    const where = at.where;
    const ownName = nameVolume(found, place.volume === null ? `p${index}` : `${place.volume}/p${index}`);
    const partition =
      found.partitions.push({
        ...diskOf(place),
        volume: ownName,
        parent: place.partition,
        index,
        scheme: layout.scheme,
        type,
        name,
        uuid,
        start,
        size,
        where,
      }) - 1;
    if (volume.isContainer) continue;
    const next: Place = {
      source: volume.source,
      volume: ownName,
      ...diskOf(place),
      base: place.base,
      start,
      partition,
      type,
      devices: volume.devices,
      pinned: place.pinned,
      depth: place.depth + 1,
      toDisk: (range) => volume.toDisk(range).flatMap((piece) => [...place.toDisk(piece)]),
    };
    if (volume.source.size === 0) continue;
    await exploreOrReport(next, drivers, at, found);
  }
}

/** Puts together what one system has claimed, and walks on in its volumes. */
async function exploreGroups(drivers: Drivers, context: RunContext, found: Walk): Promise<void> {
  const system = drivers.volumeSystems.find((one) => found.claimed.some((claim) => claim.system === one));
  const claims = found.claimed.filter((claim) => claim.system === system);
  found.claimed.splice(0, Infinity, ...found.claimed.filter((claim) => claim.system !== system));
  const { system: joiner } = claims[0]!;
  const { name } = joiner;
  const members = claims.map((claim) => ({
    source: claim.place.source,
    context: claim.context.at(name),
  }));
  const inner = context.at(name);
  const groups = await joiner.assemble(members, inner).catch((error: unknown): VolumeGroup[] => {
    if (!isArtifactError(error)) throw error;
    context.log.addError(error, inner.where);
    return [];
  });
  const known = claims.map((): ByteRange[] => []);
  for (const group of groups) {
    const at = group.name === null ? inner : inner.at(escapeName(group.name));
    for (const kind of ['tables', 'unused', 'unread'] as const) {
      for (const { member, start, end } of group[kind]) known[member]!.push({ start, end });
      const ranges = groupOnDisk(claims, group[kind]);
      if (!ranges.isEmpty)
        found.regions.push({ kind: kind === 'tables' ? 'table' : kind, ranges, partition: null });
    }
    for (const volume of group.volumes) {
      for (const { member, start, end } of volume.places) known[member]!.push({ start, end });
      await exploreGroupVolume(volume, group.name ?? name, claims, joiner, drivers, at, found);
    }
  }
  claims.forEach(({ place }, member) => {
    const rest = ExtentSet.from(known[member]!).complement(0, place.source.size);
    // Nothing at all was said of it: it could not be read.
    addRegion(found, place, known[member]!.length === 0 ? 'unread' : 'gap', rest);
  });
}

async function exploreGroupVolume(
  volume: GroupVolume,
  group: string,
  claims: readonly Claimed[],
  joiner: VolumeGroupSystem,
  drivers: Drivers,
  context: RunContext,
  found: Walk,
): Promise<void> {
  const { type, name, uuid, size, source, places } = volume;
  const at = context.at(escapeName(name));
  const first = source === null || size === 0 ? places[0] : volume.toMembers({ start: 0, end: 1 })[0];
  const [onMember] = first === undefined ? [] : rangeOnDisk(claims, { ...first, end: first.start + 1 });
  // Of the disk where its first byte lies.
  const home = claims[first?.member ?? 0]!.place;
  const start = onMember === undefined ? 0 : onMember.start - home.base;
  const index = 1 + found.partitions.reduce((highest, one) => Math.max(highest, one.index), 0);
  const ownName = nameVolume(found, `${group}/${name}`);
  const partition =
    found.partitions.push({
      ...diskOf(home),
      volume: ownName,
      parent: null,
      index,
      scheme: joiner.name,
      type,
      name,
      uuid,
      start,
      size,
      where: at.where,
    }) - 1;
  if (source === null) {
    const ranges = groupOnDisk(claims, places);
    if (!ranges.isEmpty) found.regions.push({ kind: 'unread', ranges, partition });
    return;
  }
  if (size === 0) return;
  const inMembers = claims.filter((_, member) => places.some((one) => one.member === member));
  const next: Place = {
    source,
    volume: ownName,
    ...diskOf(home),
    base: home.base,
    start,
    partition,
    type,
    devices: joiner.isFilesystem
      ? [...volume.devices, ...inMembers.flatMap(({ place }) => place.devices)]
      : volume.devices,
    ...(joiner.isFilesystem ? { joinedBy: joiner } : {}),
    pinned: volume.pinned ?? inMembers.find(({ place }) => place.pinned !== null)?.place.pinned ?? null,
    // A thin volume that was never written lies nowhere.
    depth: 1 + Math.max(0, ...inMembers.map(({ place }) => place.depth)),
    toDisk: (range) => volume.toMembers(range).flatMap((piece) => rangeOnDisk(claims, piece)),
  };
  await exploreOrReport(next, drivers, at, found);
}

function rangeOnDisk(claims: readonly Claimed[], { member, start, end }: MemberRange): readonly ByteRange[] {
  return claims[member]!.place.toDisk({ start, end });
}

function groupOnDisk(claims: readonly Claimed[], ranges: readonly MemberRange[]): ExtentSet {
  return ExtentSet.from(ranges.flatMap((range) => [...rangeOnDisk(claims, range)]));
}

/** What no volume and no table covers. */
function gaps(place: Place, layout: VolumeLayout, known: ExtentSet): ExtentSet {
  const volumes = layout.volumes.filter((volume) => !volume.isContainer);
  const covered = ExtentSet.from(volumes.map(({ start, size }) => ({ start, end: start + size }))).union(
    known,
  );
  return covered.complement(0, place.source.size);
}

function whole(place: Place): ExtentSet {
  return ExtentSet.of(0, place.source.size);
}

function onDisk(place: Place, ranges: ExtentSet): ExtentSet {
  return ExtentSet.from([...ranges].flatMap((range) => [...place.toDisk(range)]));
}

function addRegion(found: Walk, place: Place, kind: DiskRegion['kind'], ranges: ExtentSet): void {
  if (!ranges.isEmpty)
    found.regions.push({ kind, ranges: onDisk(place, ranges), partition: place.partition });
}

/** A volume without a filesystem that anybody knows: boot code, nothing at all, or bytes that we did not read. */
function unknownRegion(place: Place, probe: ProbeInput, drivers: Drivers, context: RunContext): DiskRegion {
  const region = { ranges: onDisk(place, whole(place)), partition: place.partition };
  const type = place.type?.toLowerCase() ?? '';
  if (BOOT_TYPES.has(type)) return { kind: 'boot', ...region };
  if (RESERVED_TYPES.has(type)) return { kind: 'gap', ...region };
  if (probe.head.every((byte) => byte === 0) && probe.tail.every((byte) => byte === 0)) {
    context.report('info', 'VOLUME_EMPTY', 'holds no filesystem: its first and last bytes are zeros');
    return { kind: 'empty', ...region };
  }
  const resembled = [...drivers.filesystems, ...drivers.volumeSystems]
    .map((one) => one.probe(probe)?.description)
    .find((description) => description !== undefined);
  context.report(
    'error',
    'VOLUME_UNKNOWN',
    `holds no filesystem that imgopt knows, but ${resembled ?? describeContent(probe).name}; ` +
      `its ${formatSize(place.source.size)} are not explained`,
  );
  return { kind: 'unread', ...region };
}
