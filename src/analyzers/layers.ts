/**
 * What each stretch of the disk is for, as far as its structures say: the guest's half of the books.
 *
 * Layers are in order of trust. Where a hostile or hybrid partition table makes volumes overlap, the earlier layer
 * keeps the bytes; what no layer claims lies outside of every volume and is `other`.
 */
import type { DiskRegion, InspectedFilesystem, Inspection } from '../core/contracts/inspection.ts';
import type { Books } from '../core/contracts/report.ts';
import { ExtentSet } from '../core/extents.ts';
import type { StaleMeasurement } from './stale.ts';

export interface Layer {
  readonly book: keyof Books;
  /** In bytes of the disk. */
  readonly ranges: ExtentSet;
}

const BOOK_OF_REGION: Record<DiskRegion['kind'], keyof Books> = {
  table: 'metadata',
  boot: 'other',
  unread: 'unread',
  empty: 'other',
  gap: 'other',
  unused: 'stale',
};

/** Its structures were understood; a scan that broke off leaves nothing to count by. */
export function isRead(filesystem: InspectedFilesystem): boolean {
  return filesystem.section !== null && filesystem.used !== null;
}

/** A set in the filesystem's coordinates, as it lies on the disk. */
export function onDisk(filesystem: InspectedFilesystem, ranges: ExtentSet): ExtentSet {
  if (ranges.isEmpty) return ranges;
  const whole = filesystem.toDisk({ start: 0, end: filesystem.size });
  const only = whole.length === 1 ? whole[0] : undefined;
  if (only !== undefined && only.end - only.start === filesystem.size) return ranges.shift(only.start);
  const pieces = [];
  for (const range of ranges) pieces.push(...filesystem.toDisk(range));
  return ExtentSet.from(pieces);
}

/** @param measured which unused blocks are not zero, when they were read; the others then are `other` */
export function layersOf(inspection: Inspection, measured?: StaleMeasurement): Layer[] {
  const { filesystems, regions } = inspection;
  const layers: Layer[] = [];
  const add = (book: keyof Books, ranges: ExtentSet): void => void layers.push({ book, ranges });
  const addUnused = (ranges: ExtentSet, notZero: ExtentSet | null | undefined): void => {
    if (notZero === undefined || notZero === null) add('stale', ranges);
    else {
      add('stale', notZero);
      add('other', ranges.subtract(notZero));
    }
  };
  for (const region of regions) if (region.kind === 'table') add('metadata', region.ranges);
  for (const one of filesystems.filter(isRead)) {
    const notZero = measured?.filesystems[one.index];
    const unused = one.unused ?? ExtentSet.empty;
    addUnused(onDisk(one, unused), notZero ? onDisk(one, notZero) : notZero);
    if (one.metadata !== null) add('metadata', onDisk(one, one.metadata.subtract(unused)));
    add('files', onDisk(one, ExtentSet.of(0, one.size)));
  }
  regions.forEach((region, index) => {
    if (region.kind === 'table') return;
    if (region.kind === 'unused') addUnused(region.ranges, measured?.regions[index]);
    else add(BOOK_OF_REGION[region.kind], region.ranges);
  });
  // What is only recognised: containers last, since the volumes inside them have spoken by then.
  const recognised = filesystems.filter((one) => !isRead(one));
  for (const usage of ['swap', 'filesystem', 'container'] as const) {
    for (const one of recognised) {
      if (one.usage === usage)
        add(usage === 'swap' ? 'other' : 'unread', onDisk(one, ExtentSet.of(0, one.size)));
    }
  }
  return layers;
}
