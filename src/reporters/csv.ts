/**
 * The report as CSV (RFC 4180: CRLF, quotes doubled), one table for all sections: the first column says what a
 * row is, so that a spreadsheet filters by it. Names come from inside an artifact that nobody vouches for, so a
 * cell that a spreadsheet would take for a formula gets an apostrophe in front (OWASP, 'CSV Injection').
 */
import type { Report } from '../core/contracts/report.ts';
import type { Reporter } from '../core/contracts/reporter.ts';
import { subvolumeNotes } from '../core/subvolume-list.ts';

export const CSV_COLUMNS = [
  'kind',
  'name',
  'bytes',
  'size',
  'files',
  'filesystem',
  'package',
  'evidence',
  'detail',
] as const;

type Row = Partial<Record<(typeof CSV_COLUMNS)[number], string | number | null>>;

const ROWS_PER_CHUNK = 1000;
const FORMULA = /^[=+\-@\t\r]/;
const QUOTED = /[",\r\n]/;

export function csvCell(value: string | number | null | undefined): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number') return String(value);
  const safe = FORMULA.test(value) ? `'${value}` : value;
  return QUOTED.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export const csvReporter: Reporter = {
  name: 'csv',
  mediaType: 'text/csv',
  extension: 'csv',
  *render(report: Report) {
    let lines = [CSV_COLUMNS.join(',')];
    for (const row of rows(report)) {
      lines.push(CSV_COLUMNS.map((column) => csvCell(row[column])).join(','));
      if (lines.length < ROWS_PER_CHUNK) continue;
      yield `${lines.join('\r\n')}\r\n`;
      lines = [];
    }
    if (lines.length > 0) yield `${lines.join('\r\n')}\r\n`;
  },
};

function* rows(report: Report): Generator<Row> {
  const { artifact, totals } = report;
  yield {
    kind: 'artifact',
    name: artifact.path,
    bytes: artifact.allocated,
    size: artifact.virtualSize,
    detail: artifact.format,
  };
  for (const [name, { bytes, evidence }] of Object.entries(report.books)) {
    yield { kind: 'book', name, bytes, evidence };
  }
  for (const one of report.partitions) {
    yield {
      kind: 'partition',
      name: one.name ?? one.volume ?? String(one.index),
      size: one.size,
      detail: `${one.scheme} ${one.index} ${one.type}`,
    };
  }
  for (const one of report.filesystems) {
    yield {
      kind: 'filesystem',
      name: one.mountPoint ?? one.label ?? one.volume ?? String(one.index),
      bytes: one.used,
      size: one.size,
      files: one.files,
      filesystem: one.index,
      detail: `${one.type} ${one.state}`,
    };
    for (const subvolume of one.subvolumes ?? []) {
      yield {
        kind: 'subvolume',
        name: subvolume.path,
        bytes: subvolume.exclusive,
        size: subvolume.referenced,
        filesystem: one.index,
        detail: [String(subvolume.id), subvolume.mountPoint, subvolumeNotes(subvolume)]
          .filter((part) => part !== null && part !== '')
          .join(' '),
      };
    }
    if (one.stale !== null) {
      yield {
        kind: 'filesystem-stale',
        name: one.mountPoint ?? one.label ?? one.volume ?? String(one.index),
        bytes: one.stale,
        filesystem: one.index,
        evidence: 'measured',
      };
    }
  }
  yield { kind: 'total', name: 'allocated', bytes: totals.allocated, size: totals.size, files: totals.files };
  yield { kind: 'total', name: 'packaged', bytes: totals.packaged };
  yield { kind: 'total', name: 'unpackaged', bytes: totals.unpackaged };
  yield { kind: 'total', name: 'reclaimable', bytes: totals.reclaimable };
  for (const one of report.packages) {
    yield {
      kind: 'package',
      name: one.name,
      bytes: one.allocated,
      size: one.installedSize,
      files: one.files,
      package: one.name,
      detail: [one.version, one.architecture, one.automatic === true ? 'automatic' : null]
        .filter((part) => part !== null)
        .join(' '),
    };
  }
  for (const one of report.kinds) {
    yield { kind: 'file-kind', name: one.kind, bytes: one.allocated, size: one.size, files: one.files };
  }
  for (const one of report.directories) {
    yield {
      kind: 'directory',
      name: one.path,
      bytes: one.allocated,
      size: one.size,
      files: one.files,
      filesystem: one.filesystem,
    };
  }
  for (const one of report.files) {
    yield {
      kind: 'file',
      name: one.path,
      bytes: one.allocated,
      size: one.size,
      filesystem: one.filesystem,
      package: one.package,
    };
  }
  for (const one of report.suggestions) {
    yield {
      kind: 'suggestion',
      name: one.rule,
      bytes: one.reclaimable,
      detail: `${one.safety}: ${one.title}`,
    };
  }
  for (const one of report.diagnostics) {
    yield { kind: 'diagnostic', name: one.code, detail: `${one.severity}: ${one.where}: ${one.message}` };
  }
}
