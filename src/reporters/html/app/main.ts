/** Builds the page from the data in it; see src/reporters/html.ts. */
import { changesSection } from './changes.ts';
import { element } from './dom.ts';
import { mapSection } from './map.ts';
import { Model } from './model.ts';
import { overviewSection } from './overview.ts';
import type { Payload } from './payload.ts';
import {
  diagnosticsSection,
  directoriesSection,
  filesSection,
  filesystemsSection,
  hygieneSection,
  packagesSection,
  suggestionsSection,
} from './sections.ts';
import { subvolumesSection } from './subvolumes.ts';

const TITLES: Record<string, string> = {
  changes: 'Changes',
  map: 'Map',
  suggestions: 'Suggestions',
  hygiene: 'Hygiene',
  packages: 'Packages',
  directories: 'Directories',
  files: 'Files',
  filesystems: 'Filesystems',
  subvolumes: 'Subvolumes',
  diagnostics: 'Diagnostics',
};

function start(): void {
  const payload = JSON.parse(document.getElementById('data')!.textContent) as Payload;
  const { report, changes } = payload;
  const live = element('p', { class: 'offscreen', attributes: { role: 'status', 'aria-live': 'polite' } });
  const announce = (what: string): void => {
    live.textContent = what;
  };
  const model = new Model(payload);
  const sections = [
    changes === null ? null : changesSection(changes),
    report.totals.allocated > 0 ? mapSection(model, announce) : null,
    suggestionsSection(report, announce),
    hygieneSection(report, announce),
    packagesSection(report, payload.isMeasured),
    directoriesSection(report, model.tree.allocated(0)),
    filesSection(report),
    filesystemsSection(report),
    subvolumesSection(report),
    diagnosticsSection(report),
  ].filter((section) => section !== null);
  const links = sections.map(({ id }) =>
    element('li', {}, element('a', { attributes: { href: `#${id}` } }, TITLES[id] ?? id)),
  );
  document
    .getElementById('page')!
    .append(
      element('a', { class: 'skip', attributes: { href: '#main' } }, 'Skip to the report'),
      element(
        'nav',
        { class: 'contents-bar', attributes: { 'aria-label': 'Sections' } },
        element('ul', {}, ...links),
      ),
      overviewSection(payload),
      element('main', { attributes: { id: 'main' } }, ...sections),
      element(
        'footer',
        {},
        `${report.generator.name} ${report.generator.version} · ${report.schema} · sizes are binary: 1 KiB is 1024 bytes`,
      ),
      live,
    );
}

start();
