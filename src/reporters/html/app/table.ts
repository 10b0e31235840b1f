/** Tables that sort by their headings and show their first rows until somebody asks for all. */
import { element, fill } from './dom.ts';
import { formatCount } from './format.ts';

export interface Column<Row> {
  readonly title: string;
  /** What it is sorted by. */
  readonly value: (row: Row) => number | string;
  /** What it shows; the value itself where it is left out. */
  readonly cell?: (row: Row) => Node | string;
  readonly isNumber?: boolean;
  /** Leaves on narrow windows. */
  readonly isMinor?: boolean;
  /** Names the row, for those who hear it. */
  readonly isHeading?: boolean;
}

export interface TableOptions<Row> {
  readonly caption: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  /** Number of the column by which the rows are sorted already, largest first. */
  readonly sorted: number;
  readonly most?: number;
}

const MOST_ROWS = 25;

/** A table with its button for the rest of the rows. */
export function sortableTable<Row>(options: TableOptions<Row>): HTMLElement {
  const { caption, columns, rows, most = MOST_ROWS } = options;
  let by = options.sorted;
  let isDescending = true;
  let isWhole = false;
  let ordered = rows;
  const body = element('tbody');
  const headings = columns.map((column, index) => {
    const button = element('button', { attributes: { type: 'button' } }, column.title);
    button.addEventListener('click', () => {
      isDescending = by === index ? !isDescending : column.isNumber === true;
      by = index;
      sort();
      draw();
    });
    return element('th', { class: classes(column), attributes: { scope: 'col' } }, button);
  });
  const more = element('button', { class: 'more', attributes: { type: 'button' } });
  more.addEventListener('click', () => {
    isWhole = !isWhole;
    draw();
  });
  const sort = (): void => {
    const { value } = columns[by]!;
    const sign = isDescending ? -1 : 1;
    ordered = [...rows].sort((a, b) => {
      const [left, right] = [value(a), value(b)];
      return left < right ? -sign : left > right ? sign : 0;
    });
  };
  const draw = (): void => {
    headings.forEach((heading, index) => {
      if (index === by) heading.setAttribute('aria-sort', isDescending ? 'descending' : 'ascending');
      else heading.removeAttribute('aria-sort');
    });
    const visible = isWhole ? ordered : ordered.slice(0, most);
    fill(
      body,
      ...visible.map((row) =>
        element(
          'tr',
          {},
          ...columns.map((column) => {
            const content = column.cell?.(row) ?? String(column.value(row));
            return column.isHeading === true
              ? element('th', { class: classes(column), attributes: { scope: 'row' } }, content)
              : element('td', { class: classes(column) }, content);
          }),
        ),
      ),
    );
    more.hidden = rows.length <= most;
    more.textContent = isWhole ? `Show the first ${most}` : `Show all ${formatCount(rows.length)}`;
    more.setAttribute('aria-expanded', String(isWhole));
  };
  draw();
  return element(
    'div',
    { class: 'table' },
    element(
      'div',
      { class: 'scroll', attributes: { tabindex: 0, role: 'region', 'aria-label': caption } },
      element(
        'table',
        {},
        element('caption', { class: 'offscreen' }, caption),
        element('thead', {}, element('tr', {}, ...headings)),
        body,
      ),
    ),
    more,
  );
}

function classes<Row>({ isNumber, isMinor }: Column<Row>): string {
  return [isNumber === true ? 'number' : '', isMinor === true ? 'minor' : '']
    .filter((name) => name !== '')
    .join(' ');
}

/** A bar of a part of the whole; the number beside it says the same, so it is for eyes alone. */
export function bar(part: number, whole: number, color = 'var(--accent)'): HTMLElement {
  const width = whole > 0 ? Math.min(100, (part / whole) * 100) : 0;
  return element(
    'span',
    { class: 'bar', attributes: { 'aria-hidden': 'true' } },
    element('span', { style: { width: `${width.toFixed(2)}%`, background: color } }),
  );
}
