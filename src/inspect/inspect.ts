/**
 * From a path to an `Inspection`: detect → open → explore volumes → scan filesystems → merge by fstab → read
 * package databases → freeze. Drivers are arguments; nothing here knows a format.
 *
 * An artifact that cannot be opened at all throws. Everything after that is reported as a diagnostic and the rest
 * goes on: what could be read of a damaged image is still explained.
 */
import { DiagnosticLog, type RunContext } from '../core/context.ts';
import type { Disk } from '../core/contracts/disk.ts';
import type { Filesystem, FilesystemDriver } from '../core/contracts/filesystem.ts';
import type {
  InspectedArtifact,
  InspectedFilesystem,
  InspectedOs,
  InspectedSubvolume,
  Inspection,
} from '../core/contracts/inspection.ts';
import type { Package } from '../core/contracts/package.ts';
import type { Drivers } from '../core/contracts/registry.ts';
import { isArtifactError, unreadable } from '../core/errors.ts';
import type { ExtentSet } from '../core/extents.ts';
import { FILE_TYPE, type FileTable, FileTableBuilder } from '../core/file-table.ts';
import { formatSize } from '../core/size.ts';
import { compareText } from '../core/text.ts';
import { readProbe } from '../sources/read.ts';
import type { RemoteAccess } from '../sources/remote.ts';
import { orDiagnostic, readOrNothing } from './attempt.ts';
import { describeContent } from './content.ts';
import { type OpenedArtifact, openArtifact } from './image-context.ts';
import { isEmptyDirectory, type Mount, type Mountable, planMounts } from './mounts.ts';
import { readOs } from './os.ts';
import { chooseRoot } from './root.ts';
import { MountedTree } from './root-tree.ts';
import { placeSubvolumes } from './subvolumes.ts';
import { type Exploration, exploreDisk, type Stand } from './volumes.ts';

export interface InspectOptions {
  readonly drivers: Drivers;
  /** Let images refer to files outside of the artifact's folder. */
  readonly followOutside?: boolean;
  /** Check the digests that a container carries. */
  readonly verify?: boolean;
  /** Opens artifacts that an address names. */
  readonly remote?: RemoteAccess | undefined;
}

/**
 * Inspects an artifact: a disk, a container of disks, or an archive of files.
 * @throws ImgoptError when it cannot be opened; problems further in become diagnostics
 */
export async function inspect(
  path: string,
  context: RunContext,
  options: InspectOptions,
): Promise<Inspection> {
  const artifact = await openArtifact(path, context, {
    formats: options.drivers.formats,
    decompressors: options.drivers.decompressors ?? [],
    followOutside: options.followOutside === true,
    verify: options.verify === true,
    remote: options.remote,
  });
  try {
    return await inspectDisk(path, artifact, context, options.drivers);
  } catch (error) {
    await artifact.close();
    throw error;
  }
}

async function inspectDisk(
  path: string,
  artifact: OpenedArtifact,
  context: RunContext,
  drivers: Drivers,
): Promise<Inspection> {
  const { disk } = artifact;
  const inner = context.at(path);
  const exploration = await explore(path, artifact, inner, drivers);
  const builder = new FileTableBuilder();
  const scanned: Scanned[] = [];
  for (const stand of exploration.stands) {
    context.signal.throwIfAborted();
    scanned.push(await scan(stand, builder, context, drivers));
  }
  const table = builder.build();
  if (table.detachedCount > 0) {
    inner.report(
      'error',
      'DETACHED_ENTRIES',
      `${table.detachedCount} entries hang below no root directory; they are not counted`,
    );
  }
  const guest = await readGuest(table, scanned, exploration, inner, drivers);
  const filesystemOfSection = table.sections.map((_, section) =>
    scanned.findIndex((one) => one.begunSection === section),
  );
  const filesystems = scanned.map((one, index) => describe(one, index, guest));
  const diagnostics = context.log.list();
  return freeze({
    artifact: describeArtifact(path, disk, exploration.sectorSize),
    disk,
    partitions: exploration.partitions,
    filesystems,
    regions: exploration.regions,
    table,
    pathOf: (entry) => guest.root?.pathOf(entry) ?? table.path(entry),
    filesystemOf: (entry) => filesystemOfSection[table.sectionOf(entry)] ?? -1,
    root: guest.root,
    os: guest.os,
    packages: guest.packages,
    owner: ownersOf(table, guest.packages),
    diagnostics,
    isComplete: !diagnostics.some(({ severity }) => severity === 'error'),
    close: () => artifact.close(),
  });
}

/** The inspection and its lists and records; what lies deeper (sources, columns) is for reading only. */
function freeze(inspection: Inspection): Inspection {
  for (const value of [inspection.artifact, inspection.os, inspection.diagnostics]) Object.freeze(value);
  for (const list of [
    inspection.partitions,
    inspection.filesystems,
    inspection.regions,
    inspection.packages,
  ] as const) {
    for (const one of list) Object.freeze(one);
    Object.freeze(list);
  }
  return Object.freeze(inspection);
}

/** Raw is taken on trust: when nothing stands on it either, say what the file looks like instead. */
async function explore(
  path: string,
  artifact: OpenedArtifact,
  context: RunContext,
  drivers: Drivers,
): Promise<Exploration> {
  const { disk, resembles } = artifact;
  if (disk.tree !== undefined) return onlyTree(disk, disk.tree, context);
  if (disk.format === 'raw') {
    const probe = await readProbe(disk.source);
    const known =
      drivers.volumeSystems.some((one) => one.probe(probe)?.certainty === 'certain') ||
      drivers.filesystems.some((one) => one.probe(probe)?.certainty === 'certain');
    if (!known) {
      const where = [path];
      if (resembles !== undefined) {
        throw unreadable('DAMAGED_IMAGE', `looks like ${resembles}`, {
          where,
          advice: 'copy or build it again',
        });
      }
      const content = describeContent(probe);
      const damaged = [...drivers.volumeSystems, ...drivers.filesystems]
        .map((one) => one.probe(probe)?.description)
        .find((description) => description !== undefined);
      throw unreadable(
        'UNKNOWN_FORMAT',
        `holds ${damaged === undefined ? content.name : `what looks like ${damaged}`}, no image that imgopt knows`,
        {
          where,
          advice: content.advice,
        },
      );
    }
  }
  return exploreDisk(disk.source, drivers, context, disk.container?.disks);
}

/** An archive of files has no volumes: its tree is all there is. */
function onlyTree({ source }: Disk, driver: FilesystemDriver, context: RunContext): Exploration {
  const nothing = { head: new Uint8Array(0), tail: new Uint8Array(0), size: source.size };
  const probe = driver.probe(nothing)!;
  const stand: Stand = {
    source,
    driver,
    probe,
    partition: null,
    volume: null,
    start: 0,
    devices: [],
    pinned: null,
    toDisk: (range) => [range],
    where: [...context.where, probe.type],
  };
  return { partitions: [], stands: [stand], regions: [], sectorSize: null };
}

interface Scanned {
  readonly stand: Stand;
  readonly filesystem: Filesystem | null;
  /** The section with its tree; null when that could not be read. */
  readonly section: number | null;
  /** The section that scanning began, whatever came of it. */
  readonly begunSection: number | null;
  readonly used: number | null;
  readonly unusedBytes: number | null;
  readonly unused: ExtentSet | null;
  readonly metadata: ExtentSet | null;
}

/** By blkid's names. */
const ENCRYPTED = new Set(['crypto_LUKS', 'BitLocker']);

async function scan(
  stand: Stand,
  builder: FileTableBuilder,
  outer: RunContext,
  { decompressors }: Drivers,
): Promise<Scanned> {
  const context = placed(outer, stand.where);
  const nothing = {
    stand,
    filesystem: null,
    section: null,
    begunSection: null,
    used: null,
    unusedBytes: null,
    unused: null,
    metadata: null,
  };
  if (stand.driver.open === undefined) {
    if (stand.probe.usage !== 'swap') {
      const { type, description } = stand.probe;
      const what = ENCRYPTED.has(type)
        ? `is encrypted (${description})`
        : `${type} is recognised but not read`;
      const advice = stand.probe.usage === 'container' ? 'what it contains is' : 'its files are';
      context.report(
        'error',
        'FILESYSTEM_NOT_READ',
        `${what}: ${advice} not explained (${formatSize(stand.source.size)})`,
      );
    }
    return nothing;
  }
  let begunSection: number | null = null;
  try {
    const filesystem = await stand.driver.open(stand.source, context, decompressors);
    const isClean = filesystem.state === 'clean';
    // Some drivers know why, and have said so.
    const place = context.where.join(' > ');
    const isSaid = context.log
      .list()
      .some(({ code, where }) => where === place && code.endsWith('_NEEDS_RECOVERY'));
    if (!isClean && !isSaid) {
      context.report(
        'warning',
        'NEEDS_RECOVERY',
        'was not cleanly unmounted; it is read as it stands, without its journal',
      );
    }
    begunSection = builder.beginSection();
    const section = begunSection;
    await filesystem.scan(builder);
    // That a filesystem which waits for recovery cannot prove what is unused is no news, and no failure.
    const unused = await orDiagnostic(isClean ? context : null, () => filesystem.unusedExtents());
    const metadata = await orDiagnostic(context, () => filesystem.metadataExtents());
    const { used, unused: unusedBytes } = filesystem.usage();
    return { stand, filesystem, section, begunSection, used, unusedBytes, unused, metadata };
  } catch (error) {
    if (!isArtifactError(error)) throw error;
    context.log.addError(error, context.where);
    return { ...nothing, begunSection };
  }
}

function placed(context: RunContext, where: readonly string[]): RunContext {
  const inner = Object.create(context.at('')) as { where: readonly string[] };
  inner.where = where;
  return inner as RunContext;
}

/** Their volumes are what the kernel numbers: /dev/sda1. */
const NUMBERED_SCHEMES = new Set(['gpt', 'mbr']);

interface Guest {
  readonly root: MountedTree | null;
  readonly mounts: readonly Mount[];
  readonly subvolumes: ReadonlyMap<number, readonly InspectedSubvolume[]>;
  readonly os: InspectedOs | null;
  readonly packages: readonly Package[];
}

async function readGuest(
  table: FileTable,
  scanned: readonly Scanned[],
  exploration: Exploration,
  context: RunContext,
  drivers: Drivers,
): Promise<Guest> {
  const bySection: (Filesystem | null)[] = table.sections.map(() => null);
  const mountables: Mountable[] = [];
  for (const [index, { section, filesystem, stand }] of scanned.entries()) {
    if (section === null || filesystem === null) continue;
    bySection[section] = filesystem;
    const volume = stand.partition === null ? undefined : exploration.partitions[stand.partition];
    const partition = volume !== undefined && NUMBERED_SCHEMES.has(volume.scheme) ? volume : undefined;
    mountables.push({
      section,
      uuid: filesystem.uuid,
      label: filesystem.label,
      partitionUuid: partition?.uuid ?? null,
      partitionName: partition?.name ?? null,
      partitionType: partition?.type ?? null,
      // The kernel numbers the partitions of disks; those of a table inside of a volume are no /dev/sda1.
      partitionIndex:
        volume === undefined ? 'disk' : volume.parent === null ? (partition?.index ?? null) : null,
      devices: stand.devices,
      ...(stand.disk === undefined ? {} : { disk: stand.disk }),
      subvolumes: filesystem.subvolumes?.() ?? [],
      entry: table.sections[section]!.first,
      index,
    });
  }
  const root = await chooseRoot(table, bySection, mountables, context);
  const mounts =
    root === undefined
      ? []
      : planMounts(root.mountable, root.entry, mountables, root.fstab, (path) =>
          isEmptyDirectory(table, root.entry, path),
        );
  const { subvolumes, places } = placeSubvolumes(table, mountables, mounts);
  if (root === undefined) return { root: null, mounts, subvolumes, os: null, packages: [] };
  const isWhole = mounts.length === 1 && subvolumes.size === 0;
  const tree = isWhole ? root.tree : await MountedTree.create(table, bySection, mounts, context, places);
  const os = (await readOrNothing(context, async () => (await readOs(tree)) ?? undefined)) ?? null;
  return { root: tree, mounts, subvolumes, os, packages: await readPackages(tree, context, drivers) };
}

/** A lookup that ran into a link whose target was not loaded makes a second round worthwhile; links end soon. */
const PACKAGE_ROUNDS = 3;

/**
 * In the order of the databases, then by name: a file that several claim belongs to the first, and what rpm
 * installed is rpm's although Python lists it too.
 */
async function readPackages(root: MountedTree, context: RunContext, drivers: Drivers): Promise<Package[]> {
  const packages: Package[] = [];
  for (const database of drivers.packageDatabases) {
    context.signal.throwIfAborted();
    if (!database.markers.some((path) => root.lookup(path) >= 0)) continue;
    for (let round = 1; round <= PACKAGE_ROUNDS; round++) {
      // What a round complains of may be that links were missing: only the last one's words count.
      const inner = context.logging(new DiagnosticLog()).at(database.manager);
      const found = await orDiagnostic(inner, () => database.read(root, inner));
      if (round < PACKAGE_ROUNDS && (await root.loadMissedLinks())) continue;
      context.log.addAll(inner.log);
      for (const one of found ?? []) packages.push(one);
      break;
    }
  }
  const rank = new Map(drivers.packageDatabases.map(({ manager }, index) => [manager, index]));
  return packages.sort(
    (a, b) =>
      (rank.get(a.manager) ?? 0) - (rank.get(b.manager) ?? 0) ||
      compareText(a.name, b.name) ||
      compareText(a.architecture ?? '', b.architecture ?? '') ||
      compareText(a.version, b.version),
  );
}

function ownersOf(table: FileTable, packages: readonly Package[]): Int32Array {
  const owner = new Int32Array(table.count).fill(-1);
  for (const [index, { entries }] of packages.entries()) {
    for (const entry of entries)
      if (owner[entry] === -1 && table.type[entry] !== FILE_TYPE.directory) owner[entry] = index;
  }
  return owner;
}

function describe(one: Scanned, index: number, guest: Guest): InspectedFilesystem {
  const { stand, filesystem, section } = one;
  const mounts = guest.mounts
    .filter((mount) => mount.section === section)
    .map(({ entry, mountPoint }) => ({ entry, mountPoint }));
  return {
    index,
    type: filesystem?.type ?? stand.probe.type,
    label: filesystem?.label ?? stand.probe.label,
    uuid: filesystem?.uuid ?? stand.probe.uuid,
    usage: stand.probe.usage,
    partition: stand.partition,
    volume: stand.volume,
    ...(stand.disk === undefined ? {} : { disk: stand.disk }),
    start: stand.start,
    size: filesystem?.size ?? stand.source.size,
    used: one.used,
    unusedBytes: one.unusedBytes,
    state: filesystem?.state ?? null,
    mountPoint: mounts[0]?.mountPoint ?? null,
    mounts,
    subvolumes: section === null ? [] : (guest.subvolumes.get(section) ?? []),
    blockSize: filesystem?.blockSize ?? 512,
    section,
    source: stand.source,
    filesystem,
    unused: one.unused,
    metadata: one.metadata,
    pinned: stand.pinned,
    toDisk: stand.toDisk,
    where: stand.where,
  };
}

function describeArtifact(path: string, disk: Disk, sectorSize: number | null): InspectedArtifact {
  let fileSize = 0;
  let allocated = 0;
  const backing: { path: string; format: string; fileSize: number; allocated: number }[] = [];
  for (const file of disk.files) {
    if (file.role === 'backing') {
      backing.push({
        path: file.path,
        format: file.format,
        fileSize: file.fileSize,
        allocated: file.allocated,
      });
    } else {
      fileSize += file.fileSize;
      allocated += file.allocated;
    }
  }
  return {
    path,
    format: disk.format,
    formatDetails: sectorSize === null ? disk.details : { ...disk.details, sectorSize },
    fileSize,
    allocated,
    virtualSize: disk.source.size,
    backing,
  };
}
