/** The difference from a baseline: what grew and what shrank. */
import { escapeName } from '../../../core/text.ts';
import { element } from './dom.ts';
import { formatCount, formatSize } from './format.ts';
import type { Change, Changes } from './payload.ts';
import { section, sizeOrDash } from './section.ts';
import { type Column, sortableTable } from './table.ts';

export function changesSection({ baseline, allocated, groups, notes }: Changes): HTMLElement {
  const against = `against ${escapeName(baseline)}`;
  const note =
    allocated === null
      ? against
      : `${against}: ${formatSize(allocated[0])} then, ${formatSize(allocated[1])} now`;
  const limits = notes.map((limit) => element('p', { class: 'quiet' }, escapeName(limit)));
  if (groups.length === 0) return section('changes', 'No change', note, ...limits);
  const title =
    allocated === null
      ? 'Since the baseline'
      : `${signed(allocated[1] - allocated[0], formatSize)} since the baseline`;
  return section('changes', title, note, ...groups.map(changesGroup), ...limits);
}

function changesGroup({ title, rows }: Changes['groups'][number]): HTMLElement {
  const bytes = rows.filter(({ isCount }) => !isCount);
  const largest = bytes.reduce((most, { delta }) => Math.max(most, Math.abs(delta ?? 0)), 0);
  const columns: Column<Change>[] = [
    {
      title: 'Name',
      value: ({ name }) => name,
      cell: ({ name, status, detail }) =>
        element(
          'span',
          { class: 'named' },
          escapeName(name),
          status === '' ? null : element('span', { class: `badge ${BADGES[status] ?? ''}` }, status),
          detail === '' ? null : element('span', { class: 'quiet' }, escapeName(detail)),
        ),
      isHeading: true,
    },
    {
      title: 'Change',
      value: ({ delta }) => Math.abs(delta ?? 0),
      cell: ({ delta, atLeast, isCount }) =>
        delta === null
          ? '?'
          : element(
              'span',
              { class: delta > 0 ? 'grew' : 'shrank' },
              `${atLeast ? '≥ ' : ''}${signed(delta, isCount ? formatCount : formatSize)}`,
            ),
      isNumber: true,
    },
    {
      title: 'Shrank | grew',
      value: ({ delta }) => delta ?? 0,
      cell: ({ delta, isCount }) => (isCount ? '' : divergingBar(delta ?? 0, largest)),
      isMinor: true,
    },
    {
      title: 'Before',
      value: ({ before }) => before ?? 0,
      cell: (row) => amountOf(row, row.before),
      isNumber: true,
      isMinor: true,
    },
    {
      title: 'Now',
      value: ({ after }) => after ?? 0,
      cell: (row) => amountOf(row, row.after),
      isNumber: true,
    },
  ];
  return element(
    'div',
    { class: 'group' },
    element('h3', {}, title),
    sortableTable({ caption: `Changes: ${title}`, columns, rows, sorted: 1, most: 10 }),
  );
}

/** Colours of what happened: growth is what somebody looks for. */
const BADGES: Record<string, string> = { added: 'new', new: 'new', removed: 'gone', solved: 'gone' };

const amountOf = ({ isCount }: Change, value: number | null): string =>
  isCount && value !== null ? formatCount(value) : sizeOrDash(value);
const signed = (value: number, format: (value: number) => string): string =>
  `${value > 0 ? '+' : value < 0 ? '−' : '±'}${format(Math.abs(value))}`;

function divergingBar(delta: number, largest: number): HTMLElement {
  const width = largest > 0 ? (Math.abs(delta) / largest) * 50 : 0;
  return element(
    'span',
    { class: 'diverging', attributes: { 'aria-hidden': 'true' } },
    element('span', {
      class: delta > 0 ? 'grew' : 'shrank',
      style: { width: `${width.toFixed(2)}%`, left: delta > 0 ? '50%' : `${(50 - width).toFixed(2)}%` },
    }),
  );
}
