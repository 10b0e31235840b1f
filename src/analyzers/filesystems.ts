/** Filesystems: what stands where, how full it is, how many files it holds. */
import type { InspectedFilesystem, Inspection } from '../core/contracts/inspection.ts';
import type { FilesystemSection } from '../core/contracts/report.ts';
import { FILE_TYPE } from '../core/file-table.ts';
import { isRead } from './layers.ts';
import type { StaleMeasurement } from './stale.ts';

export function analyzeFilesystems(inspection: Inspection, measured?: StaleMeasurement): FilesystemSection[] {
  const { disk, filesystems, partitions } = inspection;
  const isSeveral = (disk.container?.disks.length ?? 1) > 1;
  return filesystems.map((one) => {
    const counts = one.section === null ? null : countEntries(inspection, one.section);
    return {
      index: one.index,
      type: one.type,
      label: one.label,
      uuid: one.uuid,
      partition: one.partition === null ? null : partitions[one.partition]!.index,
      volume: one.volume,
      ...(isSeveral && one.disk !== undefined ? { disk: one.disk } : {}),
      start: one.start,
      size: one.size,
      used: one.used,
      unused: one.unusedBytes,
      stale: measured?.filesystems[one.index]?.total ?? null,
      mountPoint: one.mountPoint,
      files: counts?.files ?? null,
      directories: counts?.directories ?? null,
      state: isRead(one) ? (one.state ?? 'clean') : 'not-read',
      ...describeSubvolumes(one),
    };
  });
}

function describeSubvolumes({
  subvolumes,
  filesystem,
}: InspectedFilesystem): Pick<FilesystemSection, 'subvolumes' | 'snapshotBytes'> {
  if (subvolumes.length === 0) return {};
  const byUuid = new Map(subvolumes.map(({ uuid, id }) => [uuid, id]));
  const aside = subvolumes.filter(({ isAside }) => isAside).map(({ id }) => id);
  return {
    subvolumes: subvolumes.map((one) => ({
      id: one.id,
      path: one.path,
      mountPoint: one.mountPoint,
      uuid: one.uuid,
      isSnapshot: one.parentUuid !== null,
      parent: one.parentUuid === null ? null : (byUuid.get(one.parentUuid) ?? null),
      isReadOnly: one.isReadOnly,
      isDefault: one.isDefault,
      referenced: one.referenced,
      exclusive: one.exclusive,
    })),
    snapshotBytes: filesystem?.exclusiveTo?.(aside) ?? 0,
  };
}

function countEntries({ table }: Inspection, section: number): { files: number; directories: number } {
  let files = 0;
  let directories = 0;
  const { first, end } = table.sections[section]!;
  for (let entry = first; entry < end; entry++) {
    if (!table.isCounted(entry)) continue;
    const type = table.type[entry];
    if (type === FILE_TYPE.directory) directories++;
    else if (type !== FILE_TYPE.symlink) files++;
  }
  return { files, directories };
}
