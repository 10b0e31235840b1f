/**
 * From a disk to what stands on it: partition tables are opened, volumes walked in order, and each volume's
 * filesystem recognised. Nothing is skipped in silence: a volume ends up as a filesystem (read or only
 * recognised) or as a region that says why it is none, and every byte outside of volumes is a gap or a table.
 *
 * A volume system inside a volume (a partition table inside a logical volume, say) is followed a few levels
 * deep. At the top a partition table is asked for before a filesystem; inside a volume it is the other way
 * round, because boot sectors of filesystems resemble partition tables. Where what stands on a volume is a
 * container (LVM's member, say), a volume system that knows it goes first at every level.
 */
import type { RunContext } from '../core/context.ts';
import type {
  ContainedDisk,
  ProbeInput,
  Volume,
  VolumeLayout,
  VolumeSystem,
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
  /** Position of its disk in a container; undefined outside of one. */
  readonly disk?: number;
  /** Offset on its disk of its first byte. */
  readonly start: number;
  readonly devices: readonly string[];
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
  readonly disk?: number;
  readonly start: number;
  readonly partition: number | null;
  readonly type: string | null;
  readonly devices: readonly string[];
  readonly depth: number;
  toDisk(range: ByteRange): readonly ByteRange[];
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
  const found: Exploration = { partitions: [], stands: [], regions: [], sectorSize: null };
  if (contained !== undefined) {
    for (const [index, one] of contained.entries())
      await exploreContained(disk, one, index, drivers, context, found);
    return found;
  }
  const place: Place = {
    source: disk,
    start: 0,
    partition: null,
    type: null,
    devices: [],
    depth: 0,
    toDisk: (range) => [range],
  };
  await exploreOrReport(place, drivers, context, found);
  return found;
}

async function exploreContained(
  all: BlockSource,
  { name, start, size, disk }: ContainedDisk,
  index: number,
  drivers: Drivers,
  context: RunContext,
  found: Exploration,
): Promise<void> {
  if (disk === null) {
    const ranges = ExtentSet.of(start, start + size);
    found.regions.push({ kind: 'unread', ranges, partition: null });
    return;
  }
  const place: Place = {
    source: sliceSource(all, start, size),
    disk: index,
    start: 0,
    partition: null,
    type: null,
    devices: [],
    depth: 0,
    toDisk: (range) => [{ start: range.start + start, end: range.end + start }],
  };
  await exploreOrReport(place, drivers, context.at(escapeName(name)), found);
}

/** A volume that cannot be explored is reported, and its bytes count as not read; the others go on. */
async function exploreOrReport(
  place: Place,
  drivers: Drivers,
  context: RunContext,
  found: Exploration,
): Promise<void> {
  try {
    await explore(place, drivers, context, found);
  } catch (error) {
    if (!isArtifactError(error)) throw error;
    context.log.addError(error, context.where);
    found.regions.push({ kind: 'unread', ranges: onDisk(place, whole(place)), partition: place.partition });
  }
}

async function explore(
  place: Place,
  drivers: Drivers,
  context: RunContext,
  found: Exploration,
): Promise<void> {
  const probe = await readProbe(place.source);
  const system = drivers.volumeSystems.find((one) => one.probe(probe)?.certainty === 'certain');
  const filesystem =
    place.depth === 0 && system !== undefined ? undefined : recognise(probe, drivers.filesystems);
  const isFilesystem = filesystem !== undefined && filesystem.answer.usage !== 'container';
  if (system !== undefined && !isFilesystem && place.depth < MAX_VOLUME_DEPTH) {
    await exploreVolumes(place, system, drivers, context, found);
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
  system: VolumeSystem,
  drivers: Drivers,
  context: RunContext,
  found: Exploration,
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
    const partition = addPartition(found, place, layout, volume);
    if (volume.isContainer) continue;
    const at = inner.at(String(volume.index));
    const next: Place = {
      source: volume.source,
      ...(place.disk === undefined ? {} : { disk: place.disk }),
      start: place.start + volume.start,
      partition,
      type: volume.type,
      devices: volume.devices,
      depth: place.depth + 1,
      toDisk: (range) => volume.toDisk(range).flatMap((piece) => [...place.toDisk(piece)]),
    };
    if (volume.source.size === 0) continue;
    await exploreOrReport(next, drivers, at, found);
  }
}

function addPartition(found: Exploration, place: Place, layout: VolumeLayout, volume: Volume): number {
  return (
    found.partitions.push({
      ...(place.disk === undefined ? {} : { disk: place.disk }),
      index: volume.index,
      scheme: layout.scheme,
      type: volume.type,
      name: volume.name,
      uuid: volume.uuid,
      start: place.start + volume.start,
      size: volume.size,
    }) - 1
  );
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

function addRegion(found: Exploration, place: Place, kind: DiskRegion['kind'], ranges: ExtentSet): void {
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
