/**
 * The report of a package list or an SBOM, for people: which packages there are and what they declare. Nothing
 * was measured, so there is no share of a whole and no sum that pretends to be the artifact's size.
 */
import { basename } from 'node:path';
import { formatSize } from '../core/size.ts';
import { escapeName } from '../core/text.ts';
import { count, type Page, shown, title } from './page.ts';
import { type Column, renderTable, wrap } from './text-table.ts';

/** What the list is, what it counts, and how many of its sizes are not known. */
export function manifestHeadline({ report, width, style }: Page): string {
  const { artifact, packages, os } = report;
  const name = escapeName(basename(artifact.path));
  const known = packages.filter((one) => one.installedSize !== null);
  const declared = known.reduce((sum, one) => sum + one.installedSize!, 0);
  const unknown = packages.length - known.length;
  const parts = [`${count(packages.length)} ${packages.length === 1 ? 'package' : 'packages'}`];
  if (known.length > 0) parts.push(`${formatSize(declared)} as declared`);
  if (unknown > 0) parts.push(known.length === 0 ? 'sizes unknown' : `size of ${count(unknown)} unknown`);
  const sentence = `${name}: ${artifact.format}, ${parts.join(', ')}; nothing was measured: no image was read`;
  const lines = [wrap(sentence, width).replace(name, style.bold(name))];
  if (os !== null) {
    const guest = [os.prettyName ?? [os.id, os.versionId].filter((part) => part !== null).join(' ')];
    if (os.architecture !== null) guest.push(os.architecture);
    lines.push(wrap(guest.map(escapeName).join(', '), width));
  }
  return `${lines.join('\n')}\n`;
}

export function manifestPackages(page: Page): string {
  const { report, width, style, top } = page;
  if (report.packages.length === 0) return '';
  const list = shown(report.packages, top);
  const isSized = report.packages.some((one) => one.installedSize !== null);
  const columns: Column[] = [
    { title: 'declared', align: 'right' },
    { title: 'auto', leaves: 1 },
    { title: 'package', shrinksTo: 32 },
    { title: 'version', shrinksTo: 12, leaves: 3 },
    { title: 'arch', leaves: 4 },
    { title: 'manager', leaves: 2 },
    { title: 'state', leaves: 5 },
  ];
  const managers = new Set(report.packages.map((one) => one.manager));
  const rows = list.map((one) => [
    one.installedSize !== null ? formatSize(one.installedSize) : isSized ? 'unknown' : '',
    one.automatic === true ? 'auto' : '',
    escapeName(one.name),
    escapeName(one.version),
    escapeName(one.architecture ?? ''),
    managers.size > 1 ? escapeName(one.manager) : '',
    escapeName(one.state ?? ''),
  ]);
  const table = renderTable(columns, rows, width, style, (cell, column) =>
    column === 'package' || column === 'declared' ? cell : style.dim(cell),
  );
  const some = isSized ? 'the largest' : 'the first';
  const note =
    list.length < report.packages.length
      ? `${some} ${count(list.length)} of ${count(report.packages.length)}`
      : `${count(list.length)} in all`;
  return `${title(page, 'Packages', note)}${table}\n`;
}
