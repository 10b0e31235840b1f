/**
 * What only containers have: the disks of a machine, the layers of a container image. They are details of their
 * formats, so that a saved report may hold anything there: what has another shape is not shown.
 */
import type { JsonValue } from '../core/contracts/disk.ts';
import { formatShare, formatSize } from '../core/size.ts';
import { escapeName } from '../core/text.ts';
import { count, type Page, shown, title } from './page.ts';
import { type Column, renderTable } from './text-table.ts';

type Details = { readonly [key: string]: JsonValue };

/** Objects of a list in the details. */
function listOf(value: JsonValue | undefined): Details[] {
  const isObject = (one: JsonValue): one is Details =>
    typeof one === 'object' && one !== null && !Array.isArray(one);
  return Array.isArray(value) ? value.filter(isObject) : [];
}

const size = (value: JsonValue | undefined): string =>
  typeof value === 'number' && value >= 0 ? formatSize(value) : '';
const text = (value: JsonValue | undefined): string => (typeof value === 'string' ? escapeName(value) : '');

/** The disks of a container that has several. */
export function disksSection(page: Page): string {
  const { report, width, style } = page;
  const disks = listOf(report.artifact.formatDetails.disks);
  if (disks.length < 2) return '';
  const columns: Column[] = [
    { title: 'disk', align: 'right' },
    { title: 'in the container', align: 'right' },
    { title: 'virtual', align: 'right' },
    { title: 'format' },
    { title: 'name', shrinksTo: 12 },
  ];
  const rows = disks.map((disk, index) => [
    String(index + 1),
    size(disk.fileSize),
    size(disk.virtualSize),
    text(disk.format),
    text(disk.name),
  ]);
  return `${title(page, 'Disks')}${renderTable(columns, rows, width, style)}\n`;
}

/** The layers of a container image, from the first, and what of them nobody can see any more. */
export function layersSection(page: Page): string {
  const { report, width, style, top } = page;
  const { layers: list, wastedBytes, wastedPaths } = report.artifact.formatDetails;
  const layers = listOf(list);
  if (layers.length === 0) return '';
  const columns: Column[] = [
    { title: 'layer', align: 'right' },
    { title: 'in the image', align: 'right' },
    { title: 'content', align: 'right' },
    { title: 'wasted', align: 'right' },
    { title: '', align: 'right', leaves: 2 },
    { title: 'files', align: 'right', leaves: 3 },
    { title: 'made by', shrinksTo: 12, leaves: 1 },
  ];
  const rows = layers.map((layer, index) => {
    const { contentBytes, wasted } = layer;
    const isNumber = typeof contentBytes === 'number' && typeof wasted === 'number' && wasted > 0;
    return [
      String(index + 1),
      size(layer.fileSize),
      size(contentBytes),
      size(wasted),
      isNumber ? formatShare(wasted, contentBytes) : '',
      typeof layer.files === 'number' ? count(layer.files) : '',
      text(layer.createdBy),
    ];
  });
  const table = renderTable(columns, rows, width, style, (cell, column) =>
    column === 'wasted' && cell.trim() !== '0 B' ? style.yellow(cell) : cell,
  );
  const wasted = size(wastedBytes);
  const parts = [
    `${title(page, 'Layers', wasted === '' ? '' : `${wasted} wasted on files that a later layer replaces or removes`)}${table}\n`,
  ];
  const paths = shown(listOf(wastedPaths), top);
  if (paths.length > 0) {
    const worst: Column[] = [
      { title: 'wasted', align: 'right' },
      { title: 'times', align: 'right' },
      { title: 'file', shrinksTo: 20 },
    ];
    const lines = paths.map((one) => [
      size(one.bytes),
      typeof one.count === 'number' ? count(one.count) : '',
      text(one.path),
    ]);
    parts.push(`${title(page, 'Wasted most')}${renderTable(worst, lines, width, style)}\n`);
  }
  return parts.join('\n');
}
