/**
 * The report as Markdown: for a wiki, an issue, a job's summary. The first lines say where the bytes went and what to
 * do about it; the lists below are folded.
 */
import { basename } from 'node:path';
import type {
  Books,
  DirectorySection,
  FileSection,
  KindSection,
  MeasuredReport,
  PackageSection,
  Report,
  Suggestion,
} from '../core/contracts/report.ts';
import type { Reporter, ReporterOptions } from '../core/contracts/reporter.ts';
import { isMeasured } from '../core/report.ts';
import { formatCount, formatShare, formatSize } from '../core/size.ts';
import { codeName, details, markdownTable, plainText } from './markdown-text.ts';
import { BOOK_WORDS, shown } from './page.ts';
import { bar } from './text-table.ts';

const BAR_CELLS = 20;

export const markdownReporter: Reporter = {
  name: 'markdown',
  mediaType: 'text/markdown',
  extension: 'md',
  *render(report: Report, { top }: ReporterOptions) {
    yield `### ${codeName(basename(report.artifact.path))}\n\n`;
    if (isMeasured(report)) {
      yield headline(report);
      yield booksTable(report);
    } else {
      yield `A manifest (${plainText(report.artifact.format)}) of ${formatCount(report.packages.length)} packages; it tells no bytes of the artifact.\n`;
    }
    yield advice(report);
    const { suggestions, hygiene, diagnostics } = report;
    yield section('Packages', shown(report.packages, top), report.packages.length, packagesTable, report);
    yield section('Directories', shown(report.directories, top), null, directoriesTable, report);
    yield section('Files', shown(report.files, top), report.totals.files, filesTable, report);
    yield section('Kinds of files', shown(report.kinds, top), report.kinds.length, kindsTable, report);
    yield section(
      'What could be removed',
      shown(suggestions, top),
      suggestions.length,
      suggestionsTable,
      report,
    );
    if (hygiene.length > 0) {
      const rows = hygiene.map((one) => [one.severity, plainText(one.title), plainText(one.reason)]);
      const table = markdownTable(
        [
          ['severity', 'left'],
          ['what', 'left'],
          ['why', 'left'],
        ],
        rows,
      );
      yield `\n${details('What should not be published', table, true)}`;
    }
    if (diagnostics.length > 0) {
      const lines = diagnostics.map(
        ({ severity, code, where, message }) =>
          `- ${severity} ${code}: ${where === '' ? '' : `${codeName(where)}: `}${plainText(message)}\n`,
      );
      const isOpen = diagnostics.some((one) => one.severity === 'error');
      yield `\n${details('What to know', lines.join(''), isOpen)}`;
    }
  },
};

/**
 * A folded list; nothing when it is empty.
 * @param total how many there are; null where that says nothing
 */
function section<T>(
  title: string,
  list: readonly T[],
  total: number | null,
  table: (list: readonly T[], report: Report) => string,
  report: Report,
): string {
  if (list.length === 0) return '';
  const of = total !== null && list.length < total ? ` of ${formatCount(total)}` : '';
  const note = total === null ? '' : ` (${formatCount(list.length)}${of})`;
  return `\n${details(`${title}${note}`, table(list, report), false)}`;
}

function headline({ artifact, os, totals, packages }: MeasuredReport): string {
  const guest = [
    ...(os === null ? [] : [plainText(os.prettyName ?? os.id)]),
    `${formatSize(totals.allocated)} in ${formatCount(totals.files)} files`,
    ...(packages.length === 0 ? [] : [`${formatCount(packages.length)} packages`]),
  ];
  const virtual =
    artifact.virtualSize === artifact.allocated ? '' : `, ${formatSize(artifact.virtualSize)} virtual`;
  return `**${formatSize(artifact.allocated)}** on disk (${plainText(artifact.format)}${virtual}); ${guest.join(', ')}.\n\n`;
}

function booksTable({ books, artifact }: MeasuredReport): string {
  const names = (Object.keys(BOOK_WORDS) as (keyof Books)[]).filter((name) => books[name].bytes > 0);
  return markdownTable(
    [
      ['bytes', 'right'],
      ['share', 'right'],
      ['of', 'left'],
      ['', 'left'],
      ['evidence', 'left'],
    ],
    names.map((name) => {
      const { bytes, evidence } = books[name];
      const share = artifact.allocated > 0 ? bytes / artifact.allocated : 0;
      return [
        formatSize(bytes),
        formatShare(bytes, artifact.allocated),
        BOOK_WORDS[name],
        bar(share, BAR_CELLS),
        evidence,
      ];
    }),
  );
}

const SAFETIES = ['safe', 'review', 'risky'] as const;
/** What is named in the line that says what to do. */
const MAX_NAMED = 3;

/** What to do, in a line. */
function advice({ suggestions }: Report): string {
  if (suggestions.length === 0) return '';
  const sums = SAFETIES.map((safety) => {
    const bytes = suggestions
      .filter((one) => one.safety === safety)
      .reduce((sum, one) => sum + one.reclaimable, 0);
    return bytes === 0 ? '' : `${formatSize(bytes)} ${safety}`;
  }).filter((text) => text !== '');
  if (sums.length === 0) return '';
  const named = [...suggestions]
    .sort((a, b) => b.reclaimable - a.reclaimable)
    .slice(0, MAX_NAMED)
    .map((one) => `${plainText(one.title)} (${formatSize(one.reclaimable)})`);
  return `\n**Could be removed:** ${sums.join(', ')}; the largest: ${named.join(', ')}.\n`;
}

function packagesTable(list: readonly PackageSection[], { totals }: Report): string {
  return markdownTable(
    [
      ['allocated', 'right'],
      ['share', 'right'],
      ['declared', 'right'],
      ['package', 'left'],
      ['version', 'left'],
    ],
    list.map((one) => [
      size(one.allocated),
      share(one.allocated, totals.allocated),
      size(one.installedSize),
      codeName(one.name),
      one.version === '' ? '' : codeName(one.version),
    ]),
  );
}

function directoriesTable(list: readonly DirectorySection[], { totals }: Report): string {
  return markdownTable(
    [
      ['allocated', 'right'],
      ['share', 'right'],
      ['', 'left'],
      ['directory', 'left'],
    ],
    list.map((one) => [
      formatSize(one.allocated),
      share(one.allocated, totals.allocated),
      bar(
        totals.allocated === null || totals.allocated === 0 ? 0 : one.allocated / totals.allocated,
        BAR_CELLS,
      ),
      codeName(one.path),
    ]),
  );
}

function filesTable(list: readonly FileSection[]): string {
  return markdownTable(
    [
      ['allocated', 'right'],
      ['size', 'right'],
      ['file', 'left'],
      ['package', 'left'],
    ],
    list.map((one) => [
      formatSize(one.allocated),
      formatSize(one.size),
      codeName(one.path),
      one.package === null ? '' : codeName(one.package),
    ]),
  );
}

function kindsTable(list: readonly KindSection[], { totals }: Report): string {
  return markdownTable(
    [
      ['allocated', 'right'],
      ['share', 'right'],
      ['files', 'right'],
      ['kind', 'left'],
    ],
    list.map((one) => [
      formatSize(one.allocated),
      share(one.allocated, totals.allocated),
      formatCount(one.files),
      plainText(one.kind),
    ]),
  );
}

function suggestionsTable(list: readonly Suggestion[]): string {
  return markdownTable(
    [
      ['frees', 'right'],
      ['safety', 'left'],
      ['what', 'left'],
      ['rule', 'left'],
      ['why', 'left'],
    ],
    list.map((one) => [
      one.reclaimable === 0 ? '' : formatSize(one.reclaimable),
      one.safety,
      plainText(one.title),
      codeName(one.rule),
      plainText(one.reason),
    ]),
  );
}

const size = (bytes: number | null): string => (bytes === null ? '' : formatSize(bytes));
const share = (bytes: number | null, whole: number | null): string =>
  bytes === null || whole === null ? '' : formatShare(bytes, whole);
