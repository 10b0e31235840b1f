/** Words about changes, the same in the terminal and in Markdown. */
import type { Change, Comparison, PackageChange, TotalChange } from '../../budgets/compare.ts';
import { formatCount, formatSize } from '../../core/size.ts';

export const TOTAL_NAMES: Record<TotalChange['name'], string> = {
  fileSize: 'file size',
  virtualSize: 'virtual size',
  allocated: 'allocated',
  stale: 'stale',
  content: 'content of files',
  files: 'number of files',
  reclaimable: 'could be removed',
};

/** Lists of a comparison in the order that answers most first, with their headings. */
export const SECTIONS = [
  ['packages', 'Packages'],
  ['directories', 'Directories'],
  ['files', 'Files'],
  ['kinds', 'Kinds of files'],
  ['filesystems', 'Filesystems'],
  ['suggestions', 'What could be removed'],
] as const satisfies readonly (readonly [keyof Comparison, string])[];

/** `+1.2 MiB`, `-4.0 KiB`, `±0`. */
export function signed(delta: number, format: (value: number) => string): string {
  if (delta === 0) return '±0';
  return `${delta > 0 ? '+' : '-'}${format(Math.abs(delta))}`;
}

export function totalValue({ name }: TotalChange, value: number | null): string {
  if (value === null) return '?';
  return name === 'files' ? formatCount(value) : formatSize(value);
}

export function totalDelta(one: TotalChange): string {
  if (one.delta === null) return '?';
  return signed(one.delta, one.name === 'files' ? formatCount : formatSize);
}

/** Growth in per cent of what was: `+4.2 %`. */
export function percent(delta: number | null, before: number | null): string {
  if (delta === null || before === null || before === 0 || delta === 0) return '';
  const share = (Math.abs(delta) / before) * 100;
  const text = share < 0.1 ? '<0.1' : share >= 99.95 ? share.toFixed(0) : share.toFixed(1);
  return `${delta > 0 ? '+' : '-'}${text} %`;
}

export function deltaOf({ delta, atLeast }: Change): string {
  if (delta === null) return '?';
  return `${atLeast ? '≥ ' : ''}${signed(delta, formatSize)}`;
}

export function sizeOf(value: number | null): string {
  return value === null ? '' : formatSize(value);
}

/** What happened to it; of a suggestion, whether it is new or solved. */
export function whatHappened(change: Change | PackageChange, section: keyof Comparison): string {
  const { status } = change;
  if (section === 'suggestions') return status === 'added' ? 'new' : status === 'removed' ? 'solved' : status;
  return status;
}

/** Versions of a package: `1.0 → 1.1`, or the one. */
export function versionsOf(change: Change | PackageChange): string {
  if (!('oldVersion' in change)) return change.oldName === null ? '' : `was ${change.oldName}`;
  const { oldVersion, version, oldName, status } = change;
  const from = oldName === null ? (oldVersion ?? '') : `${oldName} ${oldVersion ?? ''}`.trim();
  if (status === 'upgraded') return `${from} → ${version ?? ''}`;
  return version ?? oldVersion ?? '';
}
