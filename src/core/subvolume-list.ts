/** Subvolumes and snapshots, as every reporter lists them: what each has for itself, the most first. */
import type { MeasuredReport, SubvolumeSection } from './contracts/report.ts';
import { compareText } from './text.ts';

export interface SubvolumeRow {
  readonly one: SubvolumeSection;
  /** What its filesystem is called. */
  readonly filesystem: string;
}

/** Empty where there is nothing beside top levels. */
export function subvolumeRows({ filesystems }: Pick<MeasuredReport, 'filesystems'>): SubvolumeRow[] {
  return filesystems
    .flatMap(({ subvolumes = [], label, index }) =>
      subvolumes.length < 2 ? [] : subvolumes.map((one) => ({ one, filesystem: label ?? String(index) })),
    )
    .sort(
      (a, b) =>
        b.one.exclusive - a.one.exclusive ||
        b.one.referenced - a.one.referenced ||
        compareText(a.one.path, b.one.path) ||
        compareText(a.filesystem, b.filesystem),
    );
}

/** `snapshot of 256, read-only`; plain ones and the usual need no words. */
export function subvolumeNotes({ id, isSnapshot, parent, isReadOnly, isDefault }: SubvolumeSection): string {
  return [
    ...(id === TOP_LEVEL ? ['top level'] : []),
    ...(isSnapshot ? [parent === null ? 'snapshot' : `snapshot of ${parent}`] : []),
    ...(isReadOnly ? ['read-only'] : []),
    ...(isDefault && id !== TOP_LEVEL ? ['default'] : []),
  ].join(', ');
}

const TOP_LEVEL = 5;

export function snapshotSum({ filesystems }: Pick<MeasuredReport, 'filesystems'>): number {
  return filesystems.reduce((sum, { snapshotBytes = 0 }) => sum + snapshotBytes, 0);
}
