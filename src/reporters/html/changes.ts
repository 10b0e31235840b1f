/**
 * What differs from a baseline, as the page shows it. Lists that a report cuts (`--top`) say nothing about what is
 * not in them: something that only one of two cut lists holds is left out rather than called new or gone.
 */
import type { Books, Report } from '../../core/contracts/report.ts';
import { compareText } from '../../core/text.ts';
import type { Change, Changes } from './app/payload.ts';

/** Rows of one list. */
const MAX_CHANGES = 500;

/** A system has one of these; what languages' installers brought is told apart. */
const SYSTEM_MANAGERS = new Set(['dpkg', 'rpm', 'apk', 'pacman']);

interface Sized {
  readonly name: string;
  readonly detail: string;
  readonly bytes: number;
}

export function changesBetween(before: Report, after: Report): Changes {
  const group = (
    title: string,
    list: (report: Report) => readonly Sized[],
    isWhole: (report: Report) => boolean,
  ): Changes['groups'][number] => {
    const wholeBefore = isWhole(before);
    const wholeAfter = isWhole(after);
    const rows = compare(list(before), list(after), wholeBefore, wholeAfter);
    const note = wholeBefore && wholeAfter ? '' : 'of those that both reports list';
    return { title, note, rows };
  };
  const always = (): boolean => true;
  const groups = [
    group('Packages', packages, always),
    group(
      'Directories',
      directories,
      ({ directories: list, totals }) => list.length >= (totals.directories ?? Number.POSITIVE_INFINITY),
    ),
    group(
      'Files',
      files,
      ({ files: list, totals }) => list.length >= (totals.files ?? Number.POSITIVE_INFINITY),
    ),
    group('Kinds of files', kinds, always),
    group('Suggestions', suggestions, always),
    group('Where the artifact’s bytes are', books, always),
  ];
  return {
    baseline: before.artifact.path,
    allocated: [sizeOf(before), sizeOf(after)],
    groups: groups.filter(({ rows }) => rows.length > 0),
  };
}

/** Of the artifact; of its packages when only a list of them was read. */
function sizeOf({ artifact, packages: list }: Report): number {
  if (artifact.allocated !== null) return artifact.allocated;
  return list.reduce((sum, { allocated, installedSize }) => sum + (allocated ?? installedSize ?? 0), 0);
}

/** By absolute change, largest first, ties by name. */
function compare(
  before: readonly Sized[],
  after: readonly Sized[],
  wholeBefore: boolean,
  wholeAfter: boolean,
): Change[] {
  const old = new Map(before.map((one) => [one.name, one]));
  const rows: Change[] = [];
  for (const one of after) {
    const known = old.get(one.name);
    old.delete(one.name);
    if (known === undefined) {
      if (wholeBefore) rows.push({ name: one.name, detail: one.detail, before: null, after: one.bytes });
      continue;
    }
    const isSame = known.detail === one.detail;
    if (known.bytes === one.bytes && isSame) continue;
    const detail = isSame ? one.detail : `${known.detail} → ${one.detail}`;
    rows.push({ name: one.name, detail, before: known.bytes, after: one.bytes });
  }
  if (wholeAfter) {
    for (const one of old.values()) {
      rows.push({ name: one.name, detail: one.detail, before: one.bytes, after: null });
    }
  }
  const delta = (row: Change): number => Math.abs((row.after ?? 0) - (row.before ?? 0));
  return rows.sort((a, b) => delta(b) - delta(a) || compareText(a.name, b.name)).slice(0, MAX_CHANGES);
}

/** Packages of one name (two architectures, say) are one row, as their versions tell. */
function packages(report: Report): Sized[] {
  const found = new Map<string, { bytes: number; versions: string[] }>();
  for (const { manager, name, version, allocated, installedSize } of report.packages) {
    const key = SYSTEM_MANAGERS.has(manager) ? name : `${name} (${manager})`;
    const one = found.get(key) ?? { bytes: 0, versions: [] };
    one.bytes += allocated ?? installedSize ?? 0;
    one.versions.push(version);
    found.set(key, one);
  }
  return [...found].map(([name, { bytes, versions }]) => ({
    name,
    detail: [...new Set(versions)].sort(compareText).join(', '),
    bytes,
  }));
}

const directories = (report: Report): Sized[] =>
  report.directories.map(({ path, allocated }) => ({ name: path, detail: '', bytes: allocated }));

const files = (report: Report): Sized[] =>
  report.files.map(({ path, allocated }) => ({ name: path, detail: '', bytes: allocated }));

const kinds = (report: Report): Sized[] =>
  report.kinds.map(({ kind, allocated }) => ({ name: kind, detail: '', bytes: allocated }));

function suggestions(report: Report): Sized[] {
  const found = new Map<string, Sized>();
  for (const { rule, title, reclaimable } of report.suggestions) {
    const known = found.get(title);
    found.set(title, { name: title, detail: rule, bytes: reclaimable + (known?.bytes ?? 0) });
  }
  return [...found.values()];
}

const books = (report: Report): Sized[] =>
  (Object.keys(report.books) as (keyof Books)[]).map((name) => ({
    name,
    detail: '',
    bytes: report.books[name].bytes ?? 0,
  }));
