/**
 * The report as one page to look at: a single file that opens from a mail or a build's artifacts, without network.
 *
 * The page is three things: a program and its style, bundled when imgopt is built (scripts/bundle.ts, from
 * html/app/), and the data, a block of JSON that the program reads. Nothing of the data is ever markup: the program
 * sets text, not HTML, and the page's policy allows no script and no style but those two, by their hashes, and no
 * connection at all. So a file called `</script><img onerror=…>` is a name like any other.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { analyzeDirectories } from '../analyzers/directories.ts';
import { analyzeFiles } from '../analyzers/files.ts';
import { KINDS } from '../analyzers/kind-tables.ts';
import { treeOfInspection, treeOfReport } from '../analyzers/size-tree.ts';
import { type Snapshot, snapshotOf } from '../budgets/snapshot.ts';
import type { Inspection } from '../core/contracts/inspection.ts';
import type { MeasuredReport, Report } from '../core/contracts/report.ts';
import type { Reporter } from '../core/contracts/reporter.ts';
import { builtFileUrl } from '../core/module-url.ts';
import { isMeasured } from '../core/report.ts';
import { compareText, escapeName } from '../core/text.ts';
import type { Payload } from './html/app/payload.ts';
import { changesBetween } from './html/changes.ts';
import { packTree } from './html/pack-tree.ts';

/** Rows of the lists of files and directories in the page; the tree says the same in other words. */
const MAX_ROWS = 5000;

export const htmlReporter: Reporter = {
  name: 'html',
  mediaType: 'text/html',
  extension: 'html',
  render: (report, { inspection }) => renderPage(report, inspection, null),
};

/** @param baseline what the page tells the difference from */
export function* renderPage(
  report: Report,
  inspection: Inspection | null,
  baseline: Snapshot | null,
): Generator<string> {
  const tree = inspection === null ? treeOfReport(report) : treeOfInspection(inspection);
  const script = readFileSync(builtFileUrl('assets/report-page.js'), 'utf8');
  const style = readFileSync(builtFileUrl('assets/report-page.css'), 'utf8');
  const page = measuredOf(report);
  const payload: Payload = {
    report: {
      ...page,
      files: report.files.slice(0, MAX_ROWS),
      directories: report.directories.slice(0, MAX_ROWS),
    },
    isMeasured: isMeasured(report),
    tree: packTree(tree, page, inspection),
    kinds: KINDS,
    changes: baseline === null ? null : changesBetween(baseline, snapshotNow(report, inspection)),
  };
  yield head(escapeName(basename(report.artifact.path)), hash(script), hash(style));
  yield `<style>${style}</style>\n</head>\n<body>\n`;
  yield '<noscript><p>This report needs JavaScript, which this browser has turned off.</p></noscript>\n';
  yield '<div id="page"></div>\n<script type="application/json" id="data">';
  yield inertJson(payload);
  yield `</script>\n<script>${script}</script>\n</body>\n</html>\n`;
}

/** What only a manifest tells, as if its declared sizes were measured; the page says which they are. */
function measuredOf(report: Report): MeasuredReport {
  if (isMeasured(report)) return report;
  const packages = report.packages.map((one) => ({
    ...one,
    allocated: one.allocated ?? one.installedSize ?? 0,
    files: one.files ?? 0,
  }));
  const sum = packages.reduce((total, { allocated }) => total + allocated, 0);
  const nothing = { bytes: 0, evidence: 'unknown' as const };
  return {
    ...report,
    artifact: { ...report.artifact, fileSize: 0, allocated: 0, virtualSize: 0 },
    books: { files: nothing, metadata: nothing, stale: nothing, unread: nothing, other: nothing },
    totals: {
      files: 0,
      directories: 0,
      symlinks: 0,
      size: sum,
      allocated: sum,
      packaged: sum,
      unpackaged: 0,
      reclaimable: 0,
    },
    packages: packages.sort((a, b) => b.allocated - a.allocated || compareText(a.name, b.name)),
  };
}

/** What a baseline lists must be found, however short the report's own lists are. */
function snapshotNow(report: Report, inspection: Inspection | null): Snapshot {
  const { path } = report.artifact;
  if (inspection === null) return snapshotOf(report, path, 'report');
  const [files, directories] = [analyzeFiles(inspection, 0), analyzeDirectories(inspection, 0)];
  return snapshotOf({ ...report, files, directories }, path, 'image');
}

/** JSON that holds no `<`, so that nothing in it ends or begins an element, and no line separator. */
export function inertJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

const hash = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

const MARKUP: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

function head(name: string, script: string, style: string): string {
  const title = name.replace(/[&<>"]/g, (character) => MARKUP[character]!);
  const policy = `default-src 'none'; script-src ${script}; style-src ${style}; base-uri 'none'; form-action 'none'`;
  return [
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${policy}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="color-scheme" content="light dark">',
    '<meta name="referrer" content="no-referrer">',
    `<title>${title}: where the bytes are</title>`,
    '',
  ].join('\n');
}
