/** What `imgopt optimize` says at the end: the books of the whole image, and of each filesystem. */

import { formatShare, formatSize } from '../core/size.ts';
import { escapeName } from '../core/text.ts';
import type { OptimizeResult } from '../optimize/books.ts';
import { type Column, renderTable, styleFor } from './text-table.ts';

const MAX_WIDTH = 120;
const MIN_WIDTH = 40;

/** The table for people. */
export function renderBooks(
  result: OptimizeResult,
  options: { readonly columns: number; readonly color: boolean },
): string {
  const width = Math.max(MIN_WIDTH, Math.min(MAX_WIDTH, options.columns));
  const style = styleFor(options.color);
  const { input, output, books, prediction } = result;
  const rows: string[][] = [];
  const add = (what: string, bytes: number | null, note: string): void => {
    if (bytes !== null) rows.push([what, formatSize(bytes), note]);
  };
  add('before', input.allocated, `${input.format}, ${formatSize(input.virtualSize)} for the guest`);
  add('data', books.data, 'what the map of the image calls data');
  add('unused', books.stale, 'deleted data and free space, dropped');
  add('swap', books.swap === 0 ? null : books.swap, 'contents of swap, dropped');
  add('zero', books.zero, 'blocks of zeros, not stored');
  add('kept', books.kept, books.stored === null ? '' : `stored in ${formatSize(books.stored)}`);
  const format = [output.format, output.subformat, output.compression === 'none' ? null : output.compression];
  if (output.allocated !== null) {
    const share = formatShare(output.allocated, input.allocated);
    add('after', output.allocated, `${format.filter((one) => one !== null).join(' ')}, ${share} of before`);
  }
  if (prediction !== null) {
    const sample = `from ${prediction.sampled} of ${prediction.units} blocks`;
    add('after', prediction.bytes, `predicted, ± ${formatSize(prediction.error)} (${sample})`);
  }
  const columns: Column[] = [
    { title: '' },
    { title: 'bytes', align: 'right' },
    { title: 'what it is', shrinksTo: 10, leaves: 1 },
  ];
  const parts = [renderTable(columns, rows, width, style)];
  if (result.filesystems.length > 0) parts.push('', filesystemTable(result, width, options.color));
  const left = savingsLine(result);
  if (left !== null) parts.push('', left);
  if (output.path !== null) {
    const verified =
      output.verified === null
        ? 'not verified'
        : `verified: ${formatSize(output.verified)} compared, files alike`;
    parts.push('', `${escapeName(output.path)}: ${verified}`);
  }
  return `${parts.join('\n')}\n`;
}

/** Sums are of the guest's filesystems: what they are worth in the output depends on its compression. */
function savingsLine({ savings, input }: OptimizeResult): string | null {
  const sums = (['safe', 'review'] as const)
    .filter((safety) => savings[safety].reclaimable > 0)
    .map((safety) => `${formatSize(savings[safety].reclaimable)} ${safety}`);
  if (sums.length === 0) return null;
  return `files that could go before the next build: ${sums.join(', ')} (imgopt analyze ${escapeName(input.path)})`;
}

function filesystemTable({ filesystems }: OptimizeResult, width: number, color: boolean): string {
  const style = styleFor(color);
  const columns: Column[] = [
    { title: '#', align: 'right' },
    { title: 'type' },
    { title: 'label', shrinksTo: 6, leaves: 3 },
    { title: 'mounted', shrinksTo: 6, leaves: 2 },
    { title: 'size', align: 'right' },
    { title: 'data', align: 'right' },
    { title: 'dropped', align: 'right' },
    { title: 'kept whole', shrinksTo: 10 },
  ];
  const rows = filesystems.map((one) => [
    String(one.index),
    one.type,
    escapeName(one.label ?? ''),
    escapeName(one.mountPoint ?? ''),
    formatSize(one.size),
    formatSize(one.data),
    formatSize(one.dropped),
    one.kept ?? '',
  ]);
  return renderTable(columns, rows, width, style, (cell, column) =>
    column === 'kept whole' ? style.yellow(cell) : cell,
  );
}
