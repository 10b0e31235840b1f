/**
 * The map with all that belongs to it: which view, where in it, what is searched for, what the colours mean, and the
 * table that says in words what the map draws. Where somebody looks stands in the page's address, so that the
 * browser's own back button goes back and a place can be passed on.
 */
import { escapeName } from '../../../core/text.ts';
import { element, fill } from './dom.ts';
import { formatCount, formatShare, formatSize } from './format.ts';
import { GROUPS } from './groups.ts';
import { BOOKS, type Item, type Model, type ViewName } from './model.ts';
import { type Found, search } from './search.ts';
import { bar, type Column, sortableTable } from './table.ts';
import { type Measure, Treemap } from './treemap.ts';

const ALL_VIEWS: readonly { readonly name: ViewName; readonly title: string }[] = [
  { name: 'directories', title: 'Directories' },
  { name: 'packages', title: 'Packages' },
  { name: 'kinds', title: 'Kinds' },
  { name: 'disk', title: 'Artifact' },
];
const MOST_FOUND = 200;
const SEARCH_DELAY = 120;

export function mapSection(model: Model, announce: (what: string) => void): HTMLElement {
  return new MapSection(model, announce).root;
}

class MapSection {
  readonly root: HTMLElement;
  private readonly model: Model;
  private readonly announce: (what: string) => void;
  private readonly treemap: Treemap;
  private readonly views: typeof ALL_VIEWS;
  private readonly tabs: readonly HTMLButtonElement[];
  private readonly crumbs = element('ol');
  private readonly legend = element('div', { class: 'legend' });
  private readonly about = element('p', { class: 'about', attributes: { 'aria-hidden': 'true' } });
  private readonly contents = element('div', { class: 'contents' });
  private readonly field: HTMLInputElement;
  private readonly measureBox: HTMLInputElement;
  private view: ViewName;
  private at: Item;
  private found: Found | null = null;
  private color: number | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(model: Model, announce: (what: string) => void) {
    this.model = model;
    this.announce = announce;
    // A manifest has packages and nothing else.
    this.views = ALL_VIEWS.filter(({ name }) => model.payload.isMeasured || name === 'packages');
    this.view = this.views[0]!.name;
    this.at = model.root(this.view);
    this.treemap = new Treemap({
      open: (item) => this.go(item, null),
      up: () => this.at.parent !== null && this.go(this.at.parent, this.at),
      point: (item) => this.point(item),
    });
    this.tabs = this.views.map(({ name, title }) =>
      element(
        'button',
        {
          attributes: { type: 'button', role: 'tab', id: `view-${name}`, 'aria-controls': 'map-panel' },
          on: { click: () => this.switchTo(name), keydown: (event) => this.onTabKey(event) },
        },
        title,
      ),
    );
    this.field = element('input', {
      attributes: {
        type: 'search',
        id: 'search',
        placeholder: 'Search files, directories, packages',
        'aria-label': 'Search files, directories and packages; an asterisk stands for any text',
        autocomplete: 'off',
        spellcheck: 'false',
      },
      on: {
        input: () => {
          clearTimeout(this.timer);
          this.timer = setTimeout(() => this.search(), SEARCH_DELAY);
        },
        keydown: (event) => {
          if (event.key === 'Escape' && this.field.value !== '') {
            this.field.value = '';
            this.search();
            event.preventDefault();
          } else if (event.key === 'Enter') {
            clearTimeout(this.timer);
            this.search();
            this.contents.querySelector<HTMLElement>('tbody button')?.focus();
          }
        },
      },
    });
    this.measureBox = element('input', {
      attributes: { type: 'checkbox', id: 'measure' },
      on: { change: () => this.draw() },
    });
    this.root = element(
      'section',
      { class: 'card wide', attributes: { id: 'map', 'aria-labelledby': 'map-title' } },
      element(
        'div',
        { class: 'bar-of-tools' },
        element('h2', { attributes: { id: 'map-title' } }, 'Map'),
        element(
          'div',
          { class: 'tabs', attributes: { role: 'tablist', 'aria-label': 'View' } },
          ...this.tabs,
        ),
        element('div', { class: 'search' }, this.field),
        model.payload.isMeasured
          ? element(
              'label',
              {
                class: 'measure',
                attributes: {
                  for: 'measure',
                  title: 'Sizes as ls shows them, in place of the blocks that files occupy',
                },
              },
              this.measureBox,
              'apparent sizes',
            )
          : null,
      ),
      element('nav', { class: 'crumbs', attributes: { 'aria-label': 'Place in the map' } }, this.crumbs),
      element(
        'div',
        {
          class: 'split',
          attributes: { id: 'map-panel', role: 'tabpanel', 'aria-labelledby': 'view-directories' },
        },
        element('div', { class: 'drawing' }, this.treemap.root, this.about, this.legend),
        this.contents,
      ),
    );
    addEventListener('popstate', () => this.restore());
    document.addEventListener('keydown', (event) => {
      const { target } = event;
      const isTyping = target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement;
      if (event.key !== '/' || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      this.field.focus();
    });
    this.restore();
  }

  private get measure(): Measure {
    return this.measureBox.checked ? 'size' : 'allocated';
  }

  /** @param focused moves the keyboard into the map: to this item, or to the first when it is null */
  private go(item: Item, focused?: Item | null): void {
    this.at = item;
    const address = `#map:${this.view}${encodeURI(item.id)}`;
    if (location.hash !== address) history.pushState(null, '', address);
    this.draw(focused);
    this.announce(
      `${this.placeName(item)}: ${formatSize(item[this.measure])}, ${item.children().length} parts`,
    );
  }

  private switchTo(view: ViewName): void {
    this.view = view;
    this.color = null;
    this.go(this.model.root(view));
  }

  /** Where the page's address points. */
  private restore(): void {
    const match = /^#map:(\w+)(.*)$/s.exec(location.hash);
    const view = this.views.find(({ name }) => name === match?.[1]);
    this.view = view?.name ?? this.views[0]!.name;
    let item = this.model.root(this.view);
    let wanted = '';
    try {
      wanted = decodeURI(match?.[2] ?? '');
    } catch {
      wanted = ''; // somebody wrote the address by hand
    }
    while (item.id !== wanted) {
      const next = item.children().find(({ id }) => wanted === id || wanted.startsWith(`${id}/`));
      if (next === undefined || next.isRest) break;
      item = next;
    }
    this.at = item;
    this.draw();
  }

  private onTabKey(event: KeyboardEvent): void {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step === undefined) return;
    const next =
      (this.views.findIndex(({ name }) => name === this.view) + step + this.views.length) % this.views.length;
    this.switchTo(this.views[next]!.name);
    this.tabs[next]!.focus();
    event.preventDefault();
  }

  private draw(focused?: Item | null): void {
    this.tabs.forEach((tab, index) => {
      const isChosen = this.views[index]!.name === this.view;
      tab.setAttribute('aria-selected', String(isChosen));
      tab.tabIndex = isChosen ? 0 : -1;
    });
    this.root.querySelector('#map-panel')?.setAttribute('aria-labelledby', `view-${this.view}`);
    this.drawCrumbs();
    this.drawLegend();
    this.treemap.show(this.at, this.measure, focused);
    this.highlight();
    this.point(null);
    if (this.found === null) this.drawContents();
  }

  private placeName(item: Item): string {
    if (item.parent === null) {
      return this.view === 'directories' ? 'All files' : item.label;
    }
    return item.label;
  }

  private drawCrumbs(): void {
    const chain: Item[] = [];
    for (let at: Item | null = this.at; at !== null; at = at.parent) chain.unshift(at);
    fill(
      this.crumbs,
      ...chain.map((item) => {
        const isHere = item === this.at;
        const label = this.placeName(item);
        return element(
          'li',
          {},
          isHere
            ? element('span', { attributes: { 'aria-current': 'true' } }, label)
            : element(
                'button',
                { attributes: { type: 'button' }, on: { click: () => this.go(item) } },
                label,
              ),
        );
      }),
      element('li', { class: 'sum' }, this.sumOf(this.at)),
    );
  }

  private sumOf(item: Item): string {
    const whole = this.model.root(this.view);
    const share = item === whole ? '' : ` (${formatShare(item[this.measure], whole[this.measure])})`;
    const files = item.files === null ? '' : ` in ${formatCount(item.files)} files`;
    return `${formatSize(item[this.measure])}${share}${files}`;
  }

  private drawLegend(): void {
    const names = this.legendNames();
    fill(
      this.legend,
      ...names.map(({ title, color }) =>
        element(
          'button',
          {
            attributes: { type: 'button', 'aria-pressed': String(this.color === color) },
            on: {
              click: () => {
                this.color = this.color === color ? null : color;
                this.drawLegend();
                this.highlight();
              },
            },
          },
          element('span', { class: `swatch g${color}`, attributes: { 'aria-hidden': 'true' } }),
          title,
        ),
      ),
    );
  }

  private legendNames(): { title: string; color: number }[] {
    if (this.view === 'disk') {
      const { books } = this.model.report;
      const names = (Object.keys(BOOKS) as (keyof typeof BOOKS)[]).filter((name) => books[name].bytes > 0);
      return names
        .filter((name) => name !== 'files')
        .map((name) => ({ title: BOOKS[name].title, color: BOOKS[name].color }));
    }
    if (!this.model.tree.hasKinds && this.view !== 'kinds') return [];
    return GROUPS.map(({ title }, color) => ({ title, color }));
  }

  private highlight(): void {
    const { found, color } = this;
    const packages = new Set(found?.packages ?? []);
    const names = this.model.report.packages;
    this.treemap.highlight((item) => {
      if (color !== null && item.color !== color) return false;
      if (found === null) return true;
      if (item.node >= 0) return found.marks[item.node] !== 0;
      return [...packages].some((index) => item.label === escapeName(names[index]!.name));
    });
  }

  private point(item: Item | null): void {
    if (item === null) {
      this.about.textContent = 'Click a tile to look inside; the path above leads back.';
      return;
    }
    const chain: string[] = [];
    for (let at: Item | null = item; at !== null && at.parent !== null; at = at.parent)
      chain.unshift(at.label);
    const place = this.view === 'directories' ? `/${chain.join('/')}` : chain.join(' › ');
    const detail = item.detail === '' ? '' : ` · ${item.detail}`;
    fill(this.about, element('b', {}, place), ` ${this.sumOf(item)}${detail}`);
  }

  private nameCell(item: Item): Node | string {
    const name = element('span', { class: `swatch g${item.color}`, attributes: { 'aria-hidden': 'true' } });
    const isOpenable = item.children().length > 0;
    return element(
      'span',
      { class: 'named' },
      name,
      isOpenable
        ? element(
            'button',
            { attributes: { type: 'button' }, on: { click: () => this.go(item) } },
            item.label,
          )
        : element('span', { class: item.isRest ? 'quiet' : '' }, item.label),
    );
  }

  private drawContents(): void {
    const { at, measure } = this;
    const columns: Column<Item>[] = [
      { title: 'Name', value: (item) => item.label, cell: (item) => this.nameCell(item), isHeading: true },
      {
        title: measure === 'size' ? 'Size' : this.model.payload.isMeasured ? 'Allocated' : 'Declared',
        value: (item) => item[measure],
        cell: (item) => formatSize(item[measure]),
        isNumber: true,
      },
      {
        title: 'Share',
        value: (item) => item[measure],
        cell: (item) =>
          element(
            'span',
            { class: 'with-bar' },
            bar(item[measure], at[measure], `var(--g${item.color})`),
            formatShare(item[measure], at[measure]),
          ),
        isNumber: true,
      },
    ];
    fill(
      this.contents,
      element('h3', {}, at.parent === null ? this.placeName(at) : `In ${at.label}`),
      sortableTable({
        caption: `What is in ${this.placeName(at)}`,
        columns,
        rows: at.children(),
        sorted: 1,
        most: 14,
      }),
    );
  }

  private search(): void {
    const query = this.field.value.trim();
    this.found = query === '' ? null : search(this.model, query);
    this.highlight();
    if (this.found === null) {
      this.drawContents();
      return;
    }
    const { nodes, packages, allocated } = this.found;
    const { tree, report } = this.model;
    const summary = `${formatCount(nodes.length)} files and directories, ${formatSize(allocated)}; ${formatCount(packages.length)} packages`;
    interface Row {
      readonly label: string;
      readonly what: string;
      readonly allocated: number;
      readonly color: number;
      readonly go: () => void;
    }
    const rows: Row[] = [
      ...packages.map((index) => ({
        label: escapeName(report.packages[index]!.name),
        what: 'package',
        allocated: report.packages[index]!.allocated,
        color: GROUPS.length - 1,
        go: () => this.showPackage(index),
      })),
      ...nodes.slice(0, MOST_FOUND).map((node) => ({
        label: escapeName(tree.path(node)),
        what: tree.isDirectory(node) ? 'directory' : 'file',
        allocated: tree.allocated(node),
        color: tree.color(node),
        go: () => this.showNode(node),
      })),
    ].sort((a, b) => b.allocated - a.allocated);
    const columns: Column<Row>[] = [
      {
        title: 'Found',
        value: ({ label }) => label,
        cell: ({ label, color, go }) =>
          element(
            'span',
            { class: 'named' },
            element('span', { class: `swatch g${color}`, attributes: { 'aria-hidden': 'true' } }),
            element('button', { attributes: { type: 'button' }, on: { click: go } }, label),
          ),
        isHeading: true,
      },
      { title: 'What', value: ({ what }) => what, isMinor: true },
      {
        title: 'Allocated',
        value: (row) => row.allocated,
        cell: (row) => formatSize(row.allocated),
        isNumber: true,
      },
    ];
    const left =
      this.model.payload.tree.omitted > 0 || !this.model.payload.tree.isComplete
        ? element('p', { class: 'quiet' }, 'Only the largest files are in this page.')
        : null;
    fill(
      this.contents,
      element('h3', {}, `Found: ${summary}`),
      left,
      sortableTable({ caption: `Search: ${summary}`, columns, rows, sorted: 2, most: 14 }),
    );
    this.announce(`Found ${summary}`);
  }

  /** Goes to a file's directory, or into a directory, and points at it. */
  private showNode(node: number): void {
    this.view = 'directories';
    const item = this.model.find(node);
    const isOpenable = item.children().length > 0;
    this.go(isOpenable ? item : (item.parent ?? item), isOpenable ? null : item);
  }

  private showPackage(index: number): void {
    this.view = 'packages';
    const { name } = this.model.report.packages[index]!;
    const root = this.model.root('packages');
    const item = root.children().find(({ label }) => label === escapeName(name)) ?? root;
    this.go(item.children().length > 0 ? item : root, item);
  }
}
