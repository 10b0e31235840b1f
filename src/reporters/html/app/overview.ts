/** The first screen: what the artifact is, where its bytes went, and what to do about it. */
import type { Books, MeasuredReport } from '../../../core/contracts/report.ts';
import { escapeName } from '../../../core/text.ts';
import { element } from './dom.ts';
import { formatCount, formatShare, formatSize } from './format.ts';
import { BOOKS } from './model.ts';
import type { Payload } from './payload.ts';

const baseName = (path: string): string =>
  path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1);

export function overviewSection({ report, isMeasured }: Payload): HTMLElement {
  const { artifact, os, totals } = report;
  const facts: string[] = [artifact.format];
  if (os !== null) {
    facts.push(os.prettyName ?? [os.id, os.versionId].filter((part) => part !== null).join(' '));
    if (os.architecture !== null) facts.push(os.architecture);
  }
  if (totals.files > 0) facts.push(`${formatCount(totals.files)} files`);
  if (report.packages.length > 0) facts.push(`${formatCount(report.packages.length)} packages`);
  return element(
    'header',
    { class: 'overview' },
    element(
      'div',
      {},
      element('p', { class: 'eyebrow' }, 'imgopt report'),
      element('h1', {}, escapeName(baseName(artifact.path))),
      element(
        'p',
        { class: 'facts' },
        facts
          .filter((fact) => fact !== '')
          .map(escapeName)
          .join(' · '),
      ),
    ),
    isMeasured ? artifactHero(report) : packagesHero(report),
    element('ul', { class: 'insights' }, ...insights(report)),
  );
}

function artifactHero(report: MeasuredReport): HTMLElement {
  const { allocated, virtualSize } = report.artifact;
  return element(
    'div',
    { class: 'hero' },
    element(
      'p',
      { class: 'total' },
      element('strong', {}, formatSize(allocated)),
      'on disk',
      virtualSize === allocated
        ? null
        : element('span', { class: 'quiet' }, ` of ${formatSize(virtualSize)} virtual`),
    ),
    booksBar(report),
  );
}

/** A manifest knows packages and no bytes of an image. */
function packagesHero({ packages, totals }: MeasuredReport): HTMLElement {
  const [value, about] =
    totals.allocated > 0
      ? [formatSize(totals.allocated), 'installed, as the packages declare it']
      : [formatCount(packages.length), 'packages, whose sizes the list does not tell'];
  return element(
    'div',
    { class: 'hero' },
    element('p', { class: 'total' }, element('strong', {}, value), about),
  );
}

/** One bar that is the whole artifact, and what its parts are called. */
function booksBar({ books, artifact }: MeasuredReport): HTMLElement {
  const names = (Object.keys(BOOKS) as (keyof Books)[]).filter((name) => books[name].bytes > 0);
  return element(
    'div',
    { class: 'books' },
    element(
      'div',
      { class: 'stack', attributes: { 'aria-hidden': 'true' } },
      ...names.map((name) =>
        element('span', {
          class: `g${BOOKS[name].color}`,
          style: { flex: `${Math.max(books[name].bytes / artifact.allocated, 0.004)} 0 0` },
        }),
      ),
    ),
    element(
      'ul',
      {},
      ...names.map((name) =>
        element(
          'li',
          { attributes: { title: BOOKS[name].about } },
          element('span', { class: `swatch g${BOOKS[name].color}`, attributes: { 'aria-hidden': 'true' } }),
          element('b', {}, BOOKS[name].title),
          ` ${books[name].evidence === 'estimated' ? '≈ ' : ''}${formatSize(books[name].bytes)}`,
          element('span', { class: 'quiet' }, ` ${formatShare(books[name].bytes, artifact.allocated)}`),
          element('span', { class: 'offscreen' }, `: ${BOOKS[name].about}, ${books[name].evidence}`),
        ),
      ),
    ),
  );
}

function insight(title: string, value: string, about: string, target: string): HTMLElement {
  return element(
    'li',
    {},
    element(
      'a',
      { attributes: { href: target } },
      element('span', { class: 'quiet' }, title),
      element('strong', {}, value),
      element('span', { class: 'about' }, about),
    ),
  );
}

function insights(report: MeasuredReport): HTMLElement[] {
  const { totals, packages, files, suggestions } = report;
  const cards: HTMLElement[] = [];
  if (suggestions.length > 0) {
    const safe = suggestions
      .filter(({ safety }) => safety === 'safe')
      .reduce((sum, one) => sum + one.reclaimable, 0);
    cards.push(
      insight(
        'Could be removed',
        formatSize(totals.reclaimable),
        `${formatSize(safe)} of it safely, ${formatCount(suggestions.length)} suggestions`,
        '#suggestions',
      ),
    );
  }
  const [heaviest] = packages;
  if (heaviest !== undefined && heaviest.allocated > 0) {
    cards.push(
      insight('Largest package', formatSize(heaviest.allocated), escapeName(heaviest.name), '#packages'),
    );
  }
  if (packages.length > 0 && totals.unpackaged > 0) {
    cards.push(
      insight(
        'In no package',
        formatSize(totals.unpackaged),
        `${formatShare(totals.unpackaged, totals.allocated)} of all files`,
        '#map:packages/in no package',
      ),
    );
  }
  const [largest] = files;
  if (largest !== undefined) {
    cards.push(insight('Largest file', formatSize(largest.allocated), escapeName(largest.path), '#files'));
  }
  return cards;
}
