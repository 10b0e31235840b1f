/**
 * The map: nested rectangles whose areas are bytes, laid out by d3-hierarchy's squarified treemap.
 *
 * A map is read at a glance or not at all, so it shows only what an eye can tell apart: a directory is opened while
 * there is room for its inside, and what would be a speck is put together into one tile that says how much it is.
 * That also bounds the work: a tile has a least area, so the window's area bounds their number, however many files
 * there are. Tiles are placed in parts of a hundred, so that the map follows the window and the printed page.
 *
 * For the keyboard the map is one stop: arrow keys go to the neighbour in that direction, Enter looks inside,
 * Backspace goes up. The table beside it says the same to those who do not see it.
 */
import { type HierarchyRectangularNode, hierarchy, treemap } from 'd3-hierarchy';
import { element, fill } from './dom.ts';
import { formatCount, formatShare, formatSize } from './format.ts';
import type { Item } from './model.ts';

/** Square pixels below which a tile is no use to anybody. */
const LEAST_TILE = 160;
/** Square pixels from which a directory shows what is in it. */
const LEAST_OPEN = 7000;
const MAX_DEPTH = 4;
const HEADER = 20;
const GAP = 2;

export type Measure = 'allocated' | 'size';

export interface TreemapEvents {
  /** Look into it. */
  open(item: Item): void;
  up(): void;
  /** The pointer or the focus is on it; null when it left. */
  point(item: Item | null): void;
}

/** Part of what is drawn: an item, or specks put together. */
interface Cell {
  readonly item: Item;
  /** For specks: how many items. */
  readonly specks: number;
  readonly value: number;
  readonly cells: readonly Cell[];
}

/** What fits into so many square pixels. */
function cellsOf(item: Item, measure: Measure, area: number, depth: number): Cell[] {
  const whole = item[measure];
  if (whole <= 0) return [];
  const cells: Cell[] = [];
  let specks = 0;
  let specksValue = 0;
  let first: Item | undefined;
  for (const child of item.children()) {
    const value = child[measure];
    if (value <= 0) continue;
    const share = (value / whole) * area;
    if (share < LEAST_TILE) {
      first ??= child;
      specks++;
      specksValue += value;
      continue;
    }
    const inside = depth < MAX_DEPTH && share >= LEAST_OPEN ? cellsOf(child, measure, share, depth + 1) : [];
    cells.push({ item: child, specks: 0, value, cells: inside });
  }
  if (first !== undefined && (specksValue / whole) * area >= LEAST_TILE / 4) {
    cells.push({
      item: specks === 1 ? first : item,
      specks: specks === 1 ? 0 : specks,
      value: specksValue,
      cells: [],
    });
  }
  return cells;
}

type Placed = HierarchyRectangularNode<Cell>;

export class Treemap {
  readonly root: HTMLElement;
  private readonly events: TreemapEvents;
  private tiles: { readonly button: HTMLElement; readonly cell: Cell; readonly node: Placed }[] = [];
  private whole: Item | undefined;
  private measure: Measure = 'allocated';
  private isBright: (item: Item) => boolean = () => true;

  constructor(events: TreemapEvents) {
    this.events = events;
    this.root = element('div', {
      class: 'map',
      attributes: { role: 'group', 'aria-roledescription': 'treemap' },
      on: {
        keydown: (event) => this.onKey(event),
        click: (event) => {
          const at = this.indexOf(event.target);
          if (at >= 0) this.activate(this.tiles[at]!.cell);
        },
        pointerover: (event) => this.events.point(this.tiles[this.indexOf(event.target)]?.cell.item ?? null),
        pointerleave: () => this.events.point(null),
        focusin: (event) => {
          const at = this.indexOf(event.target);
          if (at < 0) return;
          this.rove(at);
          this.events.point(this.tiles[at]!.cell.item);
        },
      },
    });
    new ResizeObserver(() => this.draw()).observe(this.root);
  }

  /** @param focused keeps the keyboard in the map: on this item where it is drawn, else on the first */
  show(item: Item, measure: Measure, focused?: Item | null): void {
    this.whole = item;
    this.measure = measure;
    this.draw();
    if (focused === undefined) return;
    const at = this.tiles.findIndex(({ cell }) => cell.item === focused);
    const tile = this.tiles[Math.max(0, at)];
    if (tile !== undefined) tile.button.focus({ preventScroll: true });
  }

  /** Dims what the predicate does not name. */
  highlight(isBright: (item: Item) => boolean): void {
    this.isBright = isBright;
    for (const { button, cell } of this.tiles) button.classList.toggle('dim', !isBright(cell.item));
  }

  private draw(): void {
    const { whole } = this;
    const { clientWidth: width, clientHeight: height } = this.root;
    if (whole === undefined || width === 0 || height === 0) return;
    const cells = cellsOf(whole, this.measure, width * height, 1);
    const label = `Map of ${whole.label}: ${formatSize(whole[this.measure])}, ${cells.length} parts. Arrow keys move, Enter looks inside, Backspace goes up.`;
    this.root.setAttribute('aria-label', label);
    this.tiles = [];
    if (cells.length === 0) {
      fill(this.root, element('p', { class: 'nothing' }, 'Nothing to show here.'));
      return;
    }
    const top = hierarchy<Cell>(
      { item: whole, specks: 0, value: 0, cells },
      (cell) => cell.cells as Cell[],
    ).sum((cell) => (cell.cells.length > 0 ? 0 : cell.value));
    const placed = treemap<Cell>()
      .size([width, height])
      .paddingInner(GAP)
      .paddingTop((node) => (node.depth === 0 ? 0 : HEADER))
      .paddingRight((node) => (node.depth === 0 ? 0 : GAP))
      .paddingBottom((node) => (node.depth === 0 ? 0 : GAP))
      .paddingLeft((node) => (node.depth === 0 ? 0 : GAP))
      .round(true)(top);
    const part = (value: number, of: number): string => `${((value / of) * 100).toFixed(3)}%`;
    for (const node of placed.descendants()) {
      if (node.depth === 0 || node.x1 - node.x0 < 3 || node.y1 - node.y0 < 3) continue;
      const button = this.tile(node, {
        left: part(node.x0, width),
        top: part(node.y0, height),
        width: part(node.x1 - node.x0, width),
        height: part(node.y1 - node.y0, height),
      });
      this.tiles.push({ button, cell: node.data, node });
    }
    fill(this.root, ...this.tiles.map(({ button }) => button));
    this.rove(0);
  }

  private tile(node: Placed, style: Record<string, string>): HTMLElement {
    const { data: cell } = node;
    const { item } = cell;
    const [width, height] = [node.x1 - node.x0, node.y1 - node.y0];
    const isOpen = cell.cells.length > 0;
    const label = cell.specks > 0 ? `${formatCount(cell.specks)} smaller` : item.label;
    const size = formatSize(cell.value);
    const share = formatShare(cell.value, this.whole![this.measure]);
    const detail = cell.specks > 0 || item.detail === '' ? '' : `, ${item.detail}`;
    const isBare = width < 34 || height < 17;
    return element(
      'button',
      {
        class: [
          'tile',
          isOpen ? 'open' : `g${item.color}`,
          item.isRest || cell.specks > 0 ? 'rest' : '',
          isBare ? 'bare' : '',
          this.isBright(item) ? '' : 'dim',
        ]
          .filter((name) => name !== '')
          .join(' '),
        style: { ...style, ...(isOpen ? { '--edge': `var(--g${item.color})` } : {}) },
        attributes: {
          type: 'button',
          tabindex: -1,
          'data-tile': true,
          'aria-label': `${label}, ${size}, ${share}${detail}${item.children().length > 0 && cell.specks === 0 ? ', can be opened' : ''}`,
        },
      },
      isBare ? null : element('span', { class: 'name' }, cell.specks > 0 ? label : item.short),
      isBare || (isOpen ? width < 110 : height < 34 || width < 62)
        ? null
        : element('span', { class: 'size' }, size),
    );
  }

  private activate(cell: Cell): void {
    if (cell.specks > 0) {
      if (cell.item !== this.whole) this.events.open(cell.item);
    } else if (cell.item.children().length > 0) {
      this.events.open(cell.item);
    } else if (cell.item.parent !== null && cell.item.parent !== this.whole) {
      this.events.open(cell.item.parent);
    }
  }

  private indexOf(target: EventTarget | null): number {
    const button = target instanceof Element ? target.closest('[data-tile]') : null;
    return button === null ? -1 : this.tiles.findIndex((tile) => tile.button === button);
  }

  /** One stop of the Tab key for the whole map. */
  private rove(at: number): void {
    this.tiles.forEach(({ button }, index) => {
      button.tabIndex = index === at ? 0 : -1;
    });
  }

  private onKey(event: KeyboardEvent): void {
    const at = this.indexOf(event.target);
    if (at < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
    const direction = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[
      event.key
    ];
    if (direction !== undefined) {
      this.tiles[this.neighbour(at, direction[0]!, direction[1]!)]?.button.focus({ preventScroll: true });
    } else if (event.key === 'Backspace' || event.key === 'Escape') {
      this.events.up();
    } else {
      return;
    }
    event.preventDefault();
  }

  /** The nearest tile that way, by their middles; of an open tile by the beginning of its heading. */
  private neighbour(from: number, x: number, y: number): number {
    const spot = ({ node, cell }: { node: Placed; cell: Cell }): [number, number] =>
      cell.cells.length > 0
        ? [node.x0 + 8, node.y0 + HEADER / 2]
        : [(node.x0 + node.x1) / 2, (node.y0 + node.y1) / 2];
    const here = this.tiles[from]!.node;
    const isInside = (node: Placed): boolean => node.depth > here.depth && node.ancestors().includes(here);
    const [fromX, fromY] = spot(this.tiles[from]!);
    let best = -1;
    let least = Number.POSITIVE_INFINITY;
    this.tiles.forEach((tile, index) => {
      const [atX, atY] = spot(tile);
      const along = (atX - fromX) * x + (atY - fromY) * y;
      const aside = Math.abs((atX - fromX) * y) + Math.abs((atY - fromY) * x);
      // Its own inside lies below its heading, and nowhere else.
      if (along <= 0 || (y <= 0 && isInside(tile.node))) return;
      // What lies more aside than ahead is not in that direction, unless nothing else is.
      const distance = along + aside + (aside > along ? 1e6 : 0);
      if (distance >= least) return;
      least = distance;
      best = index;
    });
    return best;
  }
}
