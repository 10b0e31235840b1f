/**
 * What is dropped, and what is kept for which reason: the one decision of `optimize`, made before a byte moves.
 *
 * Dropped is only what something proves to be unused: the maps of a clean filesystem that its driver read and
 * verified completely, extents that a volume system left unallocated, and the pages of a swap area behind its
 * header. Everything else is kept whole: gaps (boot loaders live there), boot areas, tables, volumes that nobody
 * could read, filesystems that wait for recovery, contradict themselves or overlap something else. The plan names
 * each of them with its reason, so that nothing is kept or dropped in silence.
 */
import type { Diagnostic } from '../core/contracts/context.ts';
import type { InspectedFilesystem, Inspection } from '../core/contracts/inspection.ts';
import { corrupt, unsupported, usage } from '../core/errors.ts';
import { type ByteRange, ExtentSet } from '../core/extents.ts';
import { escapeName } from '../core/text.ts';

export interface PlanOptions {
  /** Filesystems whose unused blocks stay: by index, label, UUID or mount point. */
  readonly keepUnused: readonly string[];
  /** Drop the contents of swap areas. */
  readonly dropSwap: boolean;
  /** Internal snapshots may be lost. */
  readonly dropSnapshots: boolean;
}

export interface PlannedFilesystem {
  /** Position in the inspection's filesystems. */
  readonly index: number;
  /** On the disk. */
  readonly dropped: ExtentSet;
  /** Why nothing is dropped; null when what is unused is. */
  readonly kept: string | null;
}

export interface Plan {
  readonly filesystems: readonly PlannedFilesystem[];
  /** What volume systems left unallocated. */
  readonly unallocated: ExtentSet;
  /** All of it, on the disk: in order, disjoint. */
  readonly dropped: ExtentSet;
  readonly diagnostics: readonly Diagnostic[];
}

/** The header of a swap area is its first page; pages are 64 KiB at most. */
const SWAP_HEADER_BYTES = 64 * 1024;

/**
 * @throws ImgoptError `usage` for an unknown filesystem in `keepUnused`; `unsupported` when snapshots would be lost;
 *   `corrupt` when the container itself could not be read completely
 */
export function planDrops(inspection: Inspection, options: PlanOptions): Plan {
  refuseDamaged(inspection);
  refuseSnapshots(inspection, options);
  const wanted = chosenFilesystems(inspection, options.keepUnused);
  const { disk, filesystems, regions } = inspection;
  const places = filesystems.map((one) => onDisk(one, { start: 0, end: one.source.size }));
  const overlapping = findOverlaps(filesystems, places);
  const protectedRanges = ExtentSet.from(
    regions.filter(({ kind }) => kind !== 'unused').flatMap(({ ranges }) => [...ranges]),
  );
  const planned = filesystems.map((one, index): PlannedFilesystem => {
    const kept = wanted.has(index)
      ? 'asked for'
      : overlapping.has(index)
        ? 'overlaps another volume'
        : reasonToKeep(one, inspection, options);
    if (kept !== null) return { index, dropped: ExtentSet.empty, kept };
    const unused =
      one.usage === 'swap'
        ? ExtentSet.of(SWAP_HEADER_BYTES, one.source.size)
        : (one.unused ?? ExtentSet.empty);
    return { index, dropped: mapToDisk(one, unused).subtract(protectedRanges), kept: null };
  });
  const occupied = ExtentSet.from(places.flatMap((place) => [...place]));
  const unallocated = ExtentSet.from(
    regions.filter(({ kind }) => kind === 'unused').flatMap(({ ranges }) => [...ranges]),
  )
    .subtract(protectedRanges)
    .subtract(occupied);
  const dropped = planned
    .reduce((all, { dropped: one }) => all.union(one), unallocated)
    .clip(0, disk.source.size);
  return { filesystems: planned, unallocated, dropped, diagnostics: inspection.diagnostics };
}

/* ---------- refusals ---------- */

/** Errors of these places belong to one volume or to what stands on it, which is then kept whole. */
function isOfContent({ where, code }: Diagnostic, inspection: Inspection): boolean {
  if (CONTENT_CODES.has(code)) return true;
  const { artifact, filesystems, partitions, packages } = inspection;
  return (
    filesystems.some((one) => isWithin(where, one.where.join(' > '))) ||
    // `disk.raw > gpt > 3` is the volume; what the table itself says wrong is at `gpt > partition 3`.
    partitions.some((one) => isWithin(where, one.where.join(' > '))) ||
    packages.some(({ manager }) => isWithin(where, `${artifact.path} > ${manager}`)) ||
    ['dpkg', 'rpm', 'apk', 'pacman'].some((manager) => isWithin(where, `${artifact.path} > ${manager}`))
  );
}

/** What cannot be explained, but is copied as it stands. */
const CONTENT_CODES = new Set([
  'IMGOPT_VOLUME_UNKNOWN',
  'IMGOPT_FILESYSTEM_NOT_READ',
  'IMGOPT_DETACHED_ENTRIES',
  'IMGOPT_PARTITIONS_OVERLAP', // neither of them drops anything
]);

function isWithin(where: string, place: string): boolean {
  return where === place || where.startsWith(`${place} > `);
}

/** A filesystem or table that reaches behind the end means that the end is missing, whatever else was readable. */
const CUT_SHORT = /TRUNCATED|OUT_OF_FILE|PAST_END|OUTSIDE_DISK|SHRUNK|QCOW2_REFCOUNT_TABLE/;

/** An image that is not all there must not turn into one that looks sound. */
function refuseDamaged(inspection: Inspection): void {
  const fatal = inspection.diagnostics.find(
    (one) => CUT_SHORT.test(one.code) || (one.severity === 'error' && !isOfContent(one, inspection)),
  );
  if (fatal === undefined) return;
  throw corrupt(fatal.code, fatal.message, {
    where: fatal.where.split(' > '),
    advice: 'nothing was written: copy or build the image again',
  });
}

function refuseSnapshots(inspection: Inspection, options: PlanOptions): void {
  const { snapshots } = inspection.artifact.formatDetails;
  if (!Array.isArray(snapshots) || snapshots.length === 0 || options.dropSnapshots) return;
  throw unsupported(
    'HAS_SNAPSHOTS',
    `holds ${snapshots.length} internal snapshots, which the output would not`,
    {
      where: [inspection.artifact.path],
      advice: 'pass --drop-snapshots if they may go',
    },
  );
}

/* ---------- filesystems ---------- */

/** Positions of the filesystems that the values name. @throws ImgoptError `usage` */
function chosenFilesystems(inspection: Inspection, values: readonly string[]): Set<number> {
  const chosen = new Set<number>();
  for (const value of values) {
    const found = inspection.filesystems.filter(
      (one) =>
        String(one.index) === value ||
        one.label === value ||
        one.mounts.some(({ mountPoint }) => mountPoint === value) ||
        one.uuid?.toLowerCase() === value.toLowerCase(),
    );
    if (found.length === 0) {
      const known = inspection.filesystems.map(
        (one) => `${one.index} (${[one.type, one.label, one.mountPoint].filter((part) => part).join(', ')})`,
      );
      throw usage('UNKNOWN_FILESYSTEM', `there is no filesystem '${escapeName(value)}'`, {
        advice: `the image has ${known.map(escapeName).join('; ') || 'none'}`,
      });
    }
    for (const { index } of found) chosen.add(index);
  }
  return chosen;
}

function reasonToKeep(one: InspectedFilesystem, inspection: Inspection, options: PlanOptions): string | null {
  if (one.usage === 'swap') {
    if (one.type !== 'swap') return `${one.type} is not plain swap`; // swsuspend: a hibernated system
    return options.dropSwap ? null : 'asked for';
  }
  if (one.usage === 'container') return `${one.type} is not read`;
  if (one.filesystem === null) return one.section === null ? `${one.type} is not read` : 'could not be read';
  if (one.state !== 'clean') return 'needs recovery';
  if (one.pinned !== null) return one.pinned;
  if (one.unused === null) return 'its maps contradict each other';
  const place = one.where.join(' > ');
  const isDamaged = inspection.diagnostics.some(
    ({ severity, where }) => severity === 'error' && isWithin(where, place),
  );
  return isDamaged ? 'is damaged' : null;
}

function onDisk(one: InspectedFilesystem, range: ByteRange): ExtentSet {
  return ExtentSet.from(one.toDisk(range));
}

function mapToDisk(one: InspectedFilesystem, ranges: ExtentSet): ExtentSet {
  const mapped: ByteRange[] = [];
  for (const range of ranges) for (const piece of one.toDisk(range)) mapped.push(piece);
  return ExtentSet.from(mapped);
}

/** Filesystems that share bytes of the disk: a damaged or hybrid table. None of them may drop anything. */
function findOverlaps(
  filesystems: readonly InspectedFilesystem[],
  places: readonly ExtentSet[],
): Set<number> {
  const found = new Set<number>();
  for (let a = 0; a < filesystems.length; a++) {
    for (let b = a + 1; b < filesystems.length; b++) {
      if (places[a]!.intersect(places[b]!).isEmpty) continue;
      found.add(a);
      found.add(b);
    }
  }
  return found;
}
