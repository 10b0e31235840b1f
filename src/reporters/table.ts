/**
 * The report for people. Its first lines alone answer where the bytes went; the tables below say it in detail,
 * and what went wrong stands last, where a terminal leaves the eye, errors first.
 *
 * All text that comes from inside the artifact passes `escapeName` before it gets here into a cell.
 */
import { basename } from 'node:path';
import type {
  Books,
  DiagnosticSection,
  FilesystemSection,
  MeasuredReport,
  PartitionSection,
  Report,
} from '../core/contracts/report.ts';
import type { Reporter, ReporterOptions } from '../core/contracts/reporter.ts';
import { isMeasured } from '../core/report.ts';
import { formatShare, formatSize } from '../core/size.ts';
import { escapeName } from '../core/text.ts';
import { disksSection, layersSection } from './container-table.ts';
import { manifestHeadline, manifestPackages } from './manifest-table.ts';
import { BOOK_WORDS, count, type Page, shown, title } from './page.ts';
import { partitionTypeName } from './partition-types.ts';
import { subvolumesTable } from './subvolumes-table.ts';
import { bar, type Column, renderTable, styleFor, wrap } from './text-table.ts';

/** Wider lines are harder to follow with the eye than they are useful. */
const MAX_WIDTH = 180;
const MIN_WIDTH = 40;
/** What could be removed is what people came for: this many lines even of a short report. */
const MIN_SUGGESTIONS = 20;

/** A page whose report knows the artifact's bytes. */
type ImagePage = Page<MeasuredReport>;

export const tableReporter: Reporter = {
  name: 'table',
  mediaType: 'text/plain',
  extension: 'txt',
  *render(report: Report, options: ReporterOptions) {
    const width = Math.min(MAX_WIDTH, Math.max(MIN_WIDTH, options.columns));
    const frame = { width, top: options.top, style: styleFor(options.color) };
    const sections = isMeasured(report)
      ? imagePage({ report, ...frame })
      : manifestPage({ report, ...frame });
    let isFirst = true;
    for (const text of sections) {
      if (text === '') continue;
      yield isFirst ? text : `\n${text}`;
      isFirst = false;
    }
  },
};

function* imagePage(page: ImagePage): Generator<string> {
  yield headline(page);
  yield booksSection(page);
  yield layersSection(page);
  yield disksSection(page);
  yield volumesSection(page);
  yield subvolumesTable(page);
  yield packagesSection(page);
  yield directoriesSection(page);
  yield filesSection(page);
  yield kindsSection(page);
  yield suggestionsSection(page);
  yield hygieneSection(page);
  yield diagnosticsSection(page);
}

/** Of what only a manifest tells: no bytes, no files. */
function* manifestPage(page: Page): Generator<string> {
  yield manifestHeadline(page);
  yield manifestPackages(page);
  yield diagnosticsSection(page);
}

/** One sentence on the artifact, one on the guest. */
function headline({ report, width, style }: ImagePage): string {
  const { artifact, books, totals } = report;
  const about = (entry: { bytes: number; evidence: string }): string =>
    `${entry.evidence === 'estimated' ? '≈ ' : ''}${formatSize(entry.bytes)}`;
  const parts = [`${about(books.files)} files`, `${about(books.metadata)} metadata`];
  if (books.stale.bytes > 0) parts.push(`${about(books.stale)} stale (deleted data that is still shipped)`);
  if (books.unread.bytes > 0) parts.push(`${about(books.unread)} not read`);
  if (books.other.bytes > 0) parts.push(`${about(books.other)} other`);
  const name = escapeName(basename(artifact.path));
  const virtual =
    artifact.virtualSize === artifact.allocated ? '' : `, ${formatSize(artifact.virtualSize)} virtual`;
  const backing =
    artifact.backing.length === 0 ? '' : `, on top of ${escapeName(basename(artifact.backing[0]!.path))}`;
  const sentence = `${name}: ${artifact.format}, ${formatSize(artifact.allocated)} on disk${virtual}${backing}; ${parts.join(', ')}`;
  const lines = [wrap(sentence, width).replace(name, style.bold(name))];
  const guest = [];
  if (report.os !== null) {
    const os =
      report.os.prettyName ?? [report.os.id, report.os.versionId].filter((part) => part !== null).join(' ');
    if (os !== '') guest.push(escapeName(os));
    if (report.os.architecture !== null) guest.push(escapeName(report.os.architecture));
  }
  if (totals.directories > 0) {
    guest.push(`${formatSize(totals.allocated)} in ${count(totals.files)} files`);
    if (report.packages.length > 0) {
      guest.push(`${count(report.packages.length)} packages`);
      guest.push(`${formatSize(totals.unpackaged)} in no package`);
    }
  }
  if (guest.length > 0) lines.push(wrap(guest.join(', '), width));
  return `${lines.join('\n')}\n`;
}

function booksSection(page: ImagePage): string {
  const { report, width, style } = page;
  const { allocated } = report.artifact;
  const names = Object.keys(BOOK_WORDS) as (keyof Books)[];
  const columns: Column[] = [
    { title: 'bytes', align: 'right' },
    { title: 'share', align: 'right' },
    { title: 'of' },
    { title: '', leaves: 2 },
    { title: 'evidence' },
    { title: 'what it is', leaves: 1 },
  ];
  const rows = names.map((name) => {
    const { bytes, evidence } = report.books[name];
    const share = allocated > 0 ? bytes / allocated : 0;
    return [
      formatSize(bytes),
      formatShare(bytes, allocated),
      name,
      bar(share, 24),
      evidence,
      BOOK_WORDS[name],
    ];
  });
  const table = renderTable(columns, rows, width, style, (cell, column, row) => {
    const isStale = names[row] === 'stale';
    if (column === '') return isStale ? style.yellow(cell) : style.cyan(cell);
    if (column === 'what it is' || column === 'evidence') return style.dim(cell);
    return isStale && report.books.stale.bytes > 0 ? style.yellow(cell) : cell;
  });
  return `${title(page, 'Where the artifact’s bytes are', `${formatSize(allocated)} on disk`)}${table}\n`;
}

/** Partitions and filesystems in one list, in disk order. */
function volumesSection(page: Page): string {
  const { report, width, style } = page;
  if (report.partitions.length + report.filesystems.length === 0) return '';
  const columns: Column[] = [
    { title: 'volume', shrinksTo: 10, leaves: 2 },
    { title: 'type' },
    { title: 'mounted on', shrinksTo: 12 },
    { title: 'size', align: 'right' },
    { title: 'used', align: 'right' },
    { title: '', align: 'right', leaves: 5 },
    { title: 'unused', align: 'right' },
    { title: 'stale', align: 'right' },
    { title: 'files', align: 'right', leaves: 3 },
    { title: 'dirs', align: 'right', leaves: 6 },
    { title: 'label', shrinksTo: 8, leaves: 7 },
    { title: 'state', leaves: 4 },
  ];
  const rows = volumeRows(report);
  const table = renderTable(columns, rows, width, style, (cell, column) =>
    column === 'state' ? style.yellow(cell) : cell,
  );
  return `${title(page, 'Filesystems')}${table}\n`;
}

function volumeRows(report: Report): string[][] {
  const rows: { disk: number; start: number; cells: string[] }[] = [];
  const known = new Set<PartitionSection>();
  for (const filesystem of report.filesystems) {
    const partition = report.partitions.find((one) => standsOn(filesystem, one));
    if (partition !== undefined) known.add(partition);
    rows.push({ disk: filesystem.disk ?? 0, start: filesystem.start, cells: filesystemRow(filesystem) });
  }
  for (const partition of report.partitions) {
    if (known.has(partition)) continue;
    const type = escapeName(partitionTypeName(partition.type));
    const name = partition.name === null ? '' : escapeName(partition.name);
    const index = volumeName(partition.volume, partition.disk, partition.index);
    const cells = [index, type, '', formatSize(partition.size), '', '', '', '', '', '', name, ''];
    rows.push({ disk: partition.disk ?? 0, start: partition.start, cells });
  }
  return rows.sort((a, b) => a.disk - b.disk || a.start - b.start).map((row) => row.cells);
}

/** Older reports have no names of volumes, and numbers that several tables may have. */
function standsOn(filesystem: FilesystemSection, partition: PartitionSection): boolean {
  if (partition.volume !== undefined) return partition.volume === filesystem.volume;
  return (
    partition.index === filesystem.partition &&
    partition.disk === filesystem.disk &&
    partition.start <= filesystem.start &&
    filesystem.start < partition.start + partition.size
  );
}

/** `p2`, `vg0/root/p1`; of older reports `2`, or among several disks `1:2`: they count from 1, as partitions do. */
function volumeName(
  volume: string | null | undefined,
  disk: number | undefined,
  partition: number | null,
): string {
  if (volume !== undefined) return escapeName(volume ?? '');
  const number = partition === null ? '' : String(partition);
  return disk === undefined ? number : `${disk + 1}:${number}`;
}

function filesystemRow(one: FilesystemSection): string[] {
  const size = (value: number | null): string => (value === null ? '' : formatSize(value));
  return [
    volumeName(one.volume, one.disk, one.partition),
    escapeName(one.type),
    one.mountPoint === null ? '' : escapeName(one.mountPoint),
    formatSize(one.size),
    size(one.used),
    one.used === null ? '' : formatShare(one.used, one.size),
    size(one.unused),
    size(one.stale),
    one.files === null ? '' : count(one.files),
    one.directories === null ? '' : count(one.directories),
    one.label === null ? '' : escapeName(one.label),
    one.state === 'clean' || one.type === 'swap'
      ? ''
      : one.state === 'not-read'
        ? 'not read'
        : 'needs recovery',
  ];
}

const note = (list: readonly unknown[], total: number | null, what: string): string => {
  if (total === null) return `the largest ${count(list.length)}`;
  return list.length < total
    ? `the largest ${count(list.length)} of ${count(total)}`
    : `${count(total)} ${what}`;
};

function packagesSection(page: ImagePage): string {
  const { report, width, style, top } = page;
  if (report.packages.length === 0) return '';
  const list = shown(report.packages, top);
  const columns: Column[] = [
    { title: 'allocated', align: 'right' },
    { title: 'share', align: 'right', leaves: 4 },
    { title: 'declared', align: 'right' },
    { title: 'files', align: 'right', leaves: 3 },
    { title: 'auto' },
    { title: 'package', shrinksTo: 32 },
    { title: 'version', shrinksTo: 12, leaves: 5 },
    { title: 'needed by', shrinksTo: 16, leaves: 6 },
  ];
  const rows = list.map((one) => [
    formatSize(one.allocated),
    formatShare(one.allocated, report.totals.allocated),
    one.installedSize === null ? '' : formatSize(one.installedSize),
    count(one.files),
    one.automatic === null ? '' : one.automatic ? 'auto' : '',
    escapeName(one.name),
    escapeName(one.version),
    neededBy(one.requiredBy.map(escapeName), width >= 160 ? 60 : 24),
  ]);
  const table = renderTable(columns, rows, width, style, (cell, column) =>
    column === 'version' || column === 'needed by' || column === 'auto' ? style.dim(cell) : cell,
  );
  const { packaged, unpackaged, allocated } = report.totals;
  const total = wrap(
    `${formatSize(packaged)} in packages, ${formatSize(unpackaged)} (${formatShare(unpackaged, allocated)}) in files that no package owns`,
    width,
  );
  return `${title(page, 'Packages', note(list, report.packages.length, 'in all'))}${table}\n${style.dim(total)}\n`;
}

/** As many names as fit, and how many more. */
function neededBy(names: readonly string[], width: number): string {
  let text = '';
  for (let i = 0; i < names.length; i++) {
    const rest = names.length - i - 1;
    const next = text === '' ? names[i]! : `${text}, ${names[i]}`;
    const more = rest === 0 ? '' : ` +${rest}`;
    if (text !== '' && next.length + more.length > width) return `${text} +${rest + 1}`;
    text = next;
  }
  return text;
}

function directoriesSection(page: ImagePage): string {
  const { report, width, style } = page;
  const list = shown(report.directories, page.top);
  if (list.length === 0) return '';
  const anyPackage = report.packages.length > 0;
  const columns: Column[] = [
    { title: 'allocated', align: 'right' },
    { title: 'share', align: 'right', leaves: 3 },
    { title: 'not below', align: 'right' },
    { title: 'unpackaged', align: 'right', leaves: 2 },
    { title: 'files', align: 'right', leaves: 4 },
    { title: 'directory', shrinksTo: 44 },
  ];
  // A directory's own blocks count here and not in the totals: the root would have more than all.
  const whole = Math.max(report.totals.allocated, ...list.map((one) => one.allocated));
  const rows = list.map((one) => [
    formatSize(one.allocated),
    formatShare(one.allocated, whole),
    one.exclusive === one.allocated ? '' : formatSize(one.exclusive),
    !anyPackage || one.unpackaged === 0 ? '' : formatSize(one.unpackaged),
    count(one.files),
    escapeName(one.path),
  ]);
  const table = renderTable(columns, rows, width, style);
  const heading = title(
    page,
    'Directories',
    'cumulative; ‘not below’ is what the listed ones inside it leave',
  );
  return `${heading}${table}\n`;
}

function filesSection(page: ImagePage): string {
  const { report, width, style } = page;
  const list = shown(report.files, page.top);
  if (list.length === 0) return '';
  const columns: Column[] = [
    { title: 'allocated', align: 'right' },
    { title: 'size', align: 'right' },
    { title: 'links', align: 'right', leaves: 2 },
    { title: 'file', shrinksTo: 28 },
    { title: 'package', shrinksTo: 10, leaves: 1 },
  ];
  const rows = list.map((one) => [
    formatSize(one.allocated),
    formatSize(one.size) === formatSize(one.allocated) ? '' : formatSize(one.size),
    one.links > 1 ? count(one.links) : '',
    escapeName(one.path),
    one.package === null ? '' : escapeName(one.package),
  ]);
  const table = renderTable(columns, rows, width, style, (cell, column) =>
    column === 'package' ? style.dim(cell) : cell,
  );
  return `${title(page, 'Files', note(list, report.totals.files, 'in all'))}${table}\n`;
}

function kindsSection(page: ImagePage): string {
  const { report, width, style } = page;
  const list = shown(report.kinds, page.top);
  if (list.length === 0) return '';
  const { allocated } = report.totals;
  const columns: Column[] = [
    { title: 'allocated', align: 'right' },
    { title: 'share', align: 'right' },
    { title: 'files', align: 'right' },
    { title: 'kind' },
    { title: '', leaves: 1 },
  ];
  const rows = list.map((one) => [
    formatSize(one.allocated),
    formatShare(one.allocated, allocated),
    count(one.files),
    one.kind,
    bar(allocated > 0 ? one.allocated / allocated : 0, 24),
  ]);
  const table = renderTable(columns, rows, width, style, (cell, column) =>
    column === '' ? style.cyan(cell) : cell,
  );
  return `${title(page, 'Kinds of files', 'by place, name and mode')}${table}\n`;
}

/** Those that free most, whatever their safety, in the report's order; what frees nothing says something else. */
function largestSuggestions(all: Report['suggestions'], most: number): Report['suggestions'] {
  if (most === 0 || all.length <= most) return all;
  const weight = ({ reclaimable }: Report['suggestions'][number]): number =>
    reclaimable === 0 ? Infinity : reclaimable;
  const least = all.map(weight).sort((a, b) => b - a)[most - 1]!;
  return all.filter((one) => weight(one) >= least).slice(0, most);
}

const SAFETIES = ['safe', 'review', 'risky'] as const;

function suggestionsSection(page: Page): string {
  const { report, width, style, top } = page;
  if (report.suggestions.length === 0) return '';
  const list = largestSuggestions(report.suggestions, Math.max(top, top > 0 ? MIN_SUGGESTIONS : 0));
  const columns: Column[] = [
    { title: 'frees', align: 'right' },
    { title: 'safety' },
    { title: 'what', shrinksTo: 24 },
    { title: 'rule', leaves: 1 },
    { title: 'why', shrinksTo: 30, leaves: 2, isSentence: true },
  ];
  const rows = list.map((one) => [
    one.reclaimable === 0 ? '' : formatSize(one.reclaimable),
    one.safety,
    escapeName(one.title),
    one.rule,
    escapeName(one.reason),
  ]);
  const table = renderTable(columns, rows, width, style, (cell, column) =>
    column === 'rule' || column === 'why' ? style.dim(cell) : cell,
  );
  const sums = SAFETIES.map((safety) => {
    const bytes = report.suggestions
      .filter((one) => one.safety === safety)
      .reduce((sum, one) => sum + one.reclaimable, 0);
    return bytes === 0 ? '' : `${formatSize(bytes)} ${safety}`;
  }).filter((text) => text !== '');
  const rest = report.suggestions.length - list.length;
  const smaller =
    rest === 0
      ? ''
      : `${style.dim(`${count(rest)} smaller ${rest === 1 ? 'one is' : 'ones are'} not shown (--top 0 shows all)`)}\n`;
  const { prediction } = report;
  const sizes =
    prediction === undefined
      ? ''
      : `${wrap(
          `Optimized afterwards (qcow2): ${formatSize(prediction.after.uncompressed)} uncompressed, ≈ ${formatSize(prediction.after.compressed)} ± ${formatSize(prediction.error)} with zstd; as it is now ${formatSize(prediction.before.uncompressed)} and ≈ ${formatSize(prediction.before.compressed)}`,
          width,
        )}\n`;
  const inGuest = report.suggestions.some((one) => one.needsUnusedDropped && one.commands.length > 0);
  const advice = inGuest
    ? `${style.dim(wrap('--emit shell|packer|ansible --safety review writes what removes them; the image shrinks once unused blocks are dropped (fstrim in the build, imgopt optimize after it)', width))}\n`
    : '';
  return `${title(page, 'What could be removed', sums.join(', '))}${table}\n${smaller}${sizes}${advice}`;
}

function hygieneSection(page: Page): string {
  const { report, width, style } = page;
  if (report.hygiene.length === 0) return '';
  const columns: Column[] = [
    { title: 'severity' },
    { title: 'what' },
    { title: 'where', shrinksTo: 24 },
    { title: 'why', shrinksTo: 30, leaves: 1, isSentence: true },
  ];
  const rows = report.hygiene.map(({ severity, title: what, paths, reason }) => {
    const where = paths.length > 1 ? `${paths[0]} +${paths.length - 1}` : (paths[0] ?? '');
    return [severity, what, escapeName(where), escapeName(reason)];
  });
  const table = renderTable(columns, rows, width, style, (cell, column) => {
    if (column === 'severity') return cell.startsWith('error') ? style.red(cell) : style.yellow(cell);
    return column === 'why' ? style.dim(cell) : cell;
  });
  return `${title(page, 'What should not be published')}${table}\n`;
}

const SEVERITIES = ['error', 'warning', 'info'] as const;

function diagnosticsSection(page: Page): string {
  const { report, width, style } = page;
  if (report.diagnostics.length === 0) return '';
  const paint = (one: DiagnosticSection): string => {
    const where = one.where === '' ? '' : `${escapeName(one.where)}: `;
    const text = wrap(`${one.severity} ${one.code}: ${where}${escapeName(one.message)}`, width);
    const color =
      one.severity === 'error' ? style.red : one.severity === 'warning' ? style.yellow : style.dim;
    return text.replace(one.severity, color(one.severity));
  };
  const lines = SEVERITIES.flatMap((severity) =>
    report.diagnostics.filter((one) => one.severity === severity).map(paint),
  );
  return `${title(page, 'What to know')}${lines.join('\n')}\n`;
}
