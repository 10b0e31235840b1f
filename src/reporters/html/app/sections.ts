/** The report's sections below the map: suggestions, changes, and the tables. */
import type {
  FilesystemSection,
  HygieneSection,
  MeasuredReport,
  Suggestion,
} from '../../../core/contracts/report.ts';
import { escapeName } from '../../../core/text.ts';
import { copyButton, element } from './dom.ts';
import { formatCount, formatShare, formatSize } from './format.ts';
import { section, sizeOrDash } from './section.ts';
import { bar, type Column, sortableTable } from './table.ts';

type Announce = (what: string) => void;

const SAFETIES = [
  { safety: 'safe', about: 'made again, or needed only by the build' },
  { safety: 'review', about: 'a function that most images do not need' },
  { safety: 'risky', about: 'needs a decision' },
] as const;
const MOST_PATHS = 12;

export function suggestionsSection(
  { suggestions, totals }: MeasuredReport,
  announce: Announce,
): HTMLElement | null {
  if (suggestions.length === 0) return null;
  const needsDrop = suggestions.some((one) => one.needsUnusedDropped && one.commands.length > 0);
  const groups = SAFETIES.flatMap(({ safety, about }) => {
    const list = suggestions.filter((one) => one.safety === safety);
    if (list.length === 0) return [];
    const sum = list.reduce((total, one) => total + one.reclaimable, 0);
    const commands = list.flatMap((one) => one.commands).map(escapeCommand);
    return [
      element(
        'div',
        { class: `safety ${safety}` },
        element(
          'h3',
          {},
          element('span', { class: `badge ${safety}` }, safety),
          element('strong', {}, formatSize(sum)),
          element('span', { class: 'quiet' }, about),
          commands.length > 1
            ? copyButton(`${commands.join('\n')}\n`, `Copy all ${safety} commands`, announce)
            : null,
        ),
        ...list.map((one) => suggestionItem(one, totals.reclaimable, announce)),
      ),
    ];
  });
  const note = needsDrop
    ? 'No byte is counted twice. The image itself shrinks once unused blocks are dropped: fstrim in the build, or imgopt optimize after it.'
    : 'No byte is counted twice.';
  return section('suggestions', `Could be removed: ${formatSize(totals.reclaimable)}`, note, ...groups);
}

/** What the eye cannot see must not be pasted into a shell. */
function escapeCommand(command: string): string {
  return command.split('\n').map(escapeName).join('\n');
}

function suggestionItem(one: Suggestion, whole: number, announce: Announce): HTMLElement {
  return element(
    'details',
    {},
    element(
      'summary',
      {},
      element('span', { class: 'frees' }, one.reclaimable === 0 ? '' : formatSize(one.reclaimable)),
      bar(one.reclaimable, whole),
      element('span', { class: 'what' }, escapeName(one.title), element('code', {}, one.rule)),
    ),
    element('p', {}, escapeName(one.reason)),
    nameList('Packages', one.packages),
    nameList('Paths', one.paths),
    commandBlock(one.commands, announce),
  );
}

function nameList(title: string, names: readonly string[]): HTMLElement | null {
  if (names.length === 0) return null;
  const more = names.length - MOST_PATHS;
  return element(
    'p',
    { class: 'names' },
    element('b', {}, `${title}: `),
    ...names.slice(0, MOST_PATHS).flatMap((name) => [element('code', {}, escapeName(name)), ' ']),
    more > 0 ? `and ${formatCount(more)} more` : null,
  );
}

function commandBlock(commands: readonly string[], announce: Announce): HTMLElement | null {
  if (commands.length === 0) return null;
  const text = commands.map(escapeCommand).join('\n');
  return element(
    'div',
    { class: 'command' },
    element(
      'pre',
      { attributes: { tabindex: 0, role: 'region', 'aria-label': 'Commands' } },
      element('code', {}, text),
    ),
    copyButton(`${text}\n`, 'Copy', announce),
  );
}

export function hygieneSection({ hygiene }: MeasuredReport, announce: Announce): HTMLElement | null {
  if (hygiene.length === 0) return null;
  const item = (one: HygieneSection): HTMLElement =>
    element(
      'details',
      {},
      element(
        'summary',
        {},
        element('span', { class: `badge ${one.severity}` }, one.severity),
        element('span', { class: 'what' }, one.title, element('code', {}, one.rule)),
      ),
      element('p', {}, escapeName(one.reason)),
      nameList('Paths', one.paths),
      commandBlock(one.commands, announce),
    );
  return section('hygiene', 'Should not be published', '', ...hygiene.map(item));
}

type PackageRow = MeasuredReport['packages'][number];

/** @param isMeasured false for a manifest, which knows only what packages declare */
export function packagesSection(
  { packages, totals }: MeasuredReport,
  isMeasured: boolean,
): HTMLElement | null {
  if (packages.length === 0) return null;
  const columns: Column<PackageRow>[] = [
    {
      title: 'Package',
      value: ({ name }) => name,
      cell: ({ name, state }) =>
        element(
          'span',
          { class: 'named' },
          escapeName(name),
          state === null ? null : element('span', { class: 'badge' }, escapeName(state)),
        ),
      isHeading: true,
    },
    {
      title: 'Version',
      value: ({ version }) => version,
      cell: ({ version }) => escapeName(version),
      isMinor: true,
    },
    isMeasured ? allocatedColumn<PackageRow>() : DECLARED,
    shareColumn(totals.allocated),
    ...(isMeasured ? MEASURED_COLUMNS : []),
    {
      title: 'Installed',
      value: ({ automatic }) => (automatic === null ? '' : automatic ? 'automatically' : 'by request'),
      isMinor: true,
    },
    {
      title: 'Needed by',
      value: ({ requiredBy }) => requiredBy.length,
      cell: ({ requiredBy }) => neededBy(requiredBy),
      isMinor: true,
    },
  ];
  const note = isMeasured
    ? `${formatSize(totals.packaged)} in ${formatCount(packages.length)} packages, ${formatSize(totals.unpackaged)} in no package`
    : `${formatCount(packages.length)} packages, as their list declares them`;
  return section(
    'packages',
    'Packages',
    note,
    sortableTable({ caption: 'Packages', columns, rows: packages, sorted: 2 }),
  );
}

const DECLARED: Column<PackageRow> = {
  title: 'Declared',
  value: ({ installedSize }) => installedSize ?? -1,
  cell: ({ installedSize }) => sizeOrDash(installedSize),
  isNumber: true,
};

/** Beside what an image's package occupies. */
const MEASURED_COLUMNS: readonly Column<PackageRow>[] = [
  { ...DECLARED, isMinor: true },
  {
    title: 'Files',
    value: ({ files }) => files,
    cell: ({ files }) => formatCount(files),
    isNumber: true,
    isMinor: true,
  },
];

function neededBy(names: readonly string[]): string {
  const shown = names.slice(0, 3).map(escapeName).join(', ');
  return names.length > 3 ? `${shown} +${names.length - 3}` : shown;
}

function allocatedColumn<Row extends { readonly allocated: number }>(): Column<Row> {
  return {
    title: 'Allocated',
    value: ({ allocated }) => allocated,
    cell: ({ allocated }) => formatSize(allocated),
    isNumber: true,
  };
}

function shareColumn<Row extends { readonly allocated: number }>(whole: number): Column<Row> {
  return {
    title: 'Share',
    value: ({ allocated }) => allocated,
    cell: ({ allocated }) =>
      element('span', { class: 'with-bar' }, bar(allocated, whole), formatShare(allocated, whole)),
    isNumber: true,
    isMinor: true,
  };
}

type FileRow = MeasuredReport['files'][number];

export function filesSection({ files, totals }: MeasuredReport): HTMLElement | null {
  if (files.length === 0) return null;
  const columns: Column<FileRow>[] = [
    { title: 'File', value: ({ path }) => path, cell: ({ path }) => escapeName(path), isHeading: true },
    allocatedColumn(),
    { title: 'Size', value: ({ size }) => size, cell: ({ size }) => formatSize(size), isNumber: true },
    {
      title: 'Links',
      value: ({ links }) => links,
      cell: ({ links }) => formatCount(links),
      isNumber: true,
      isMinor: true,
    },
    {
      title: 'Package',
      value: ({ package: name }) => name ?? '',
      cell: ({ package: name }) => (name === null ? '–' : escapeName(name)),
      isMinor: true,
    },
  ];
  const note =
    files.length < totals.files
      ? `the largest ${formatCount(files.length)} of ${formatCount(totals.files)}`
      : '';
  return section(
    'files',
    'Files',
    note,
    sortableTable({ caption: 'Files', columns, rows: files, sorted: 1 }),
  );
}

type DirectoryRow = MeasuredReport['directories'][number];

/** @param whole bytes of all files and directories together */
export function directoriesSection({ directories }: MeasuredReport, whole: number): HTMLElement | null {
  if (directories.length === 0) return null;
  const columns: Column<DirectoryRow>[] = [
    { title: 'Directory', value: ({ path }) => path, cell: ({ path }) => escapeName(path), isHeading: true },
    allocatedColumn(),
    shareColumn(whole),
    {
      title: 'Not below',
      value: ({ exclusive }) => exclusive,
      cell: ({ exclusive }) => formatSize(exclusive),
      isNumber: true,
    },
    {
      title: 'In no package',
      value: ({ unpackaged }) => unpackaged,
      cell: ({ unpackaged }) => formatSize(unpackaged),
      isNumber: true,
      isMinor: true,
    },
    {
      title: 'Files',
      value: ({ files }) => files,
      cell: ({ files }) => formatCount(files),
      isNumber: true,
      isMinor: true,
    },
  ];
  const note = 'with all that is below them; ‘not below’ is what the others in this list leave';
  return section(
    'directories',
    'Directories',
    note,
    sortableTable({ caption: 'Directories', columns, rows: directories, sorted: 1 }),
  );
}

/** The volume's name; in older reports its number, which several tables may have. */
function volumeOf({
  volume,
  partition,
  disk,
}: Pick<FilesystemSection, 'volume' | 'partition' | 'disk'>): string {
  if (volume !== undefined) return volume ?? '–';
  const name = partition === null ? '–' : String(partition);
  return disk === undefined ? name : `disk ${disk + 1}: ${name}`;
}

export function filesystemsSection({
  filesystems,
  partitions,
  artifact,
}: MeasuredReport): HTMLElement | null {
  if (filesystems.length + partitions.length === 0) return null;
  const largest = filesystems.reduce((most, { size }) => Math.max(most, size), 0);
  const columns: Column<FilesystemSection>[] = [
    {
      title: 'Mounted on',
      value: ({ mountPoint, label, index }) => mountPoint ?? label ?? String(index),
      cell: ({ mountPoint, label, state, type }) =>
        element(
          'span',
          { class: 'named' },
          escapeName(mountPoint ?? label ?? '–'),
          state === 'clean' || type === 'swap'
            ? null
            : element(
                'span',
                { class: 'badge warning' },
                state === 'not-read' ? 'not read' : 'needs recovery',
              ),
        ),
      isHeading: true,
    },
    { title: 'Type', value: ({ type }) => type, cell: ({ type }) => escapeName(type) },
    { title: 'Size', value: ({ size }) => size, cell: ({ size }) => formatSize(size), isNumber: true },
    {
      title: 'Used',
      value: ({ used }) => used ?? -1,
      cell: ({ used }) => sizeOrDash(used),
      isNumber: true,
    },
    {
      title: 'Used, stale, unused',
      value: ({ used, size }) => (used ?? 0) / Math.max(size, 1),
      cell: (row) => usageBar(row, largest),
      isMinor: true,
    },
    {
      title: 'Stale',
      value: ({ stale }) => stale ?? -1,
      cell: ({ stale }) => (stale === null ? 'not measured' : formatSize(stale)),
      isNumber: true,
      isMinor: true,
    },
    {
      title: 'Files',
      value: ({ files }) => files ?? -1,
      cell: ({ files }) => (files === null ? '–' : formatCount(files)),
      isNumber: true,
      isMinor: true,
    },
    {
      title: 'Volume',
      value: volumeOf,
      cell: (row) => escapeName(volumeOf(row)),
      isMinor: true,
    },
  ];
  const used = new Set(filesystems.map(volumeOf));
  const bare = partitions.filter(
    ({ volume, index, disk }) => !used.has(volumeOf({ volume, partition: index, disk })),
  ).length;
  const note = `on ${formatSize(artifact.virtualSize)} of virtual disk${bare > 0 ? `; ${formatCount(bare)} partitions hold no filesystem` : ''}`;
  return section(
    'filesystems',
    'Filesystems',
    note,
    sortableTable({
      caption: 'Filesystems',
      columns,
      rows: [...filesystems].sort((a, b) => b.size - a.size),
      sorted: 2,
    }),
  );
}

function usageBar({ size, used, stale }: FilesystemSection, largest: number): HTMLElement {
  const part = (bytes: number): string => `${largest > 0 ? ((bytes / largest) * 100).toFixed(2) : 0}%`;
  return element(
    'span',
    { class: 'usage', attributes: { 'aria-hidden': 'true' } },
    element('span', { class: 'g0', style: { width: part(used ?? 0) } }),
    element('span', { class: 'g5', style: { width: part(stale ?? 0) } }),
    element('span', {
      class: 'unused',
      style: { width: part(Math.max(0, size - (used ?? 0) - (stale ?? 0))) },
    }),
  );
}

export function diagnosticsSection({ diagnostics }: MeasuredReport): HTMLElement | null {
  if (diagnostics.length === 0) return null;
  return section(
    'diagnostics',
    'What to know',
    '',
    element(
      'ul',
      { class: 'diagnostics' },
      ...diagnostics.map(({ severity, code, message, where }) =>
        element(
          'li',
          {},
          element('span', { class: `badge ${severity}` }, severity),
          element(
            'span',
            {},
            escapeName(message),
            element('span', { class: 'quiet' }, ` ${escapeName(where)} `),
            element('code', {}, code),
          ),
        ),
      ),
    ),
  );
}
