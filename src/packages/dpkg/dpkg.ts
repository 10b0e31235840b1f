/**
 * dpkg's database: /var/lib/dpkg/status (or status.d, one file per package, as distroless images have it), the
 * file lists in info/, diversions, and apt's record of what was installed automatically.
 *
 * Declared sizes (Installed-Size) are KiB, counted when the package was built; what a package occupies is for
 * the analyzers to sum over its entries. File lists name paths as they stand in the package, so `/lib/x` must be
 * found in `/usr/lib` on a merged system, and a diverted file under the name it was diverted to.
 *
 * A removed package whose configuration files stayed (`config-files`) still owns them, as `dpkg -S` says; it has
 * no installed size, for what was declared is gone.
 *
 * Spec: dpkg(1), dpkg-query(1), deb-control(5), dpkg-divert(1); apt's extended_states as apt-mark(8) shows it;
 * status, updates and names of lists as dpkg's lib/dpkg/dbmodify.c, dump.c and infodb-format.c have them.
 */
import type { Context } from '../../core/contracts/context.ts';
import type { Package, PackageDatabase, RootTree } from '../../core/contracts/package.ts';
import { readParagraphs } from '../../core/deb822.ts';
import { corrupt } from '../../core/errors.ts';
import { MAX_PACKAGES } from '../../core/limits.ts';
import { comparePackages, OwnedFiles } from '../owned-files.ts';
import { type Diversions, readDiversions } from './diversions.ts';
import { type FileList, ListReader, readLists } from './lists.ts';
import { parseFlat, parseRelations } from './relations.ts';

const ADMIN = '/var/lib/dpkg';
const STATUS = `${ADMIN}/status`;
const STATUS_FOLDER = `${ADMIN}/status.d`;
const UPDATES_FOLDER = `${ADMIN}/updates`;
const EXTENDED_STATES = '/var/lib/apt/extended_states';

const FIELDS = new Set([
  'package',
  'status',
  'version',
  'architecture',
  'multi-arch',
  'installed-size',
  'essential',
  'protected',
  'important',
  'section',
  'priority',
  'source',
  'depends',
  'pre-depends',
  'recommends',
  'suggests',
  'provides',
  'conflicts',
  'breaks',
]);

export const dpkgPackages: PackageDatabase = {
  manager: 'dpkg',
  markers: [STATUS, STATUS_FOLDER],
  async read(root, context) {
    const paragraphs = (await readStatus(root)).filter(isPresent);
    const automatic = await readAutomatic(root);
    const lists = await readLists(root, paragraphs.map(ownerOf), [`${ADMIN}/info`, STATUS_FOLDER]);
    const diversions: Diversions = readDiversions(await root.read(`${ADMIN}/diversions`));
    const files = new OwnedFiles(root);
    const reader = new ListReader(files, diversions);
    const packages = paragraphs.map((fields, index) => {
      context.signal.throwIfAborted();
      const list = lists[index];
      if (list !== undefined) reader.add(list, fields.get('package')!);
      return toPackage(fields, automatic, files.take());
    });
    reportMissingLists(paragraphs, lists, context);
    return packages.sort(comparePackages);
  },
};

type Fields = Map<string, string>;

/** What was never installed or is wholly purged leaves a paragraph behind, but is no package. */
function isPresent(fields: Fields): boolean {
  return stateOf(fields) !== 'not-installed';
}

/** Third word of Status; status.d has no Status and means installed. */
function stateOf(fields: Fields): string {
  return fields.get('status')?.split(/\s+/)[2] ?? 'installed';
}

/** What the names of a package's files in info/ are made of. */
function ownerOf(fields: Fields): { name: string; architecture: string; isMultiArch: boolean } {
  return {
    name: fields.get('package')!,
    architecture: fields.get('architecture') ?? '',
    isMultiArch: fields.get('multi-arch') === 'same',
  };
}

/** Paragraphs of packages. A later one of the same package and architecture replaces the earlier. */
async function readStatus(root: RootTree): Promise<Fields[]> {
  const found = new Map<string, Fields>();
  const keep = (fields: Fields): void => {
    const name = fields.get('package');
    if (name === undefined || name === '') return;
    found.set(`${name}:${fields.get('architecture') ?? ''}`, fields);
    if (found.size > MAX_PACKAGES) throw corrupt('DPKG_PACKAGES', `more than ${MAX_PACKAGES} packages`);
  };
  const read = (bytes: Uint8Array | undefined): void => {
    if (bytes !== undefined) readParagraphs(bytes, FIELDS, keep);
  };
  read(await root.read(STATUS));
  // What dpkg had done and not yet merged into status when the machine stopped; names are numbers, in order.
  const updates = root.list(UPDATES_FOLDER).filter(({ name }) => /^\d+$/.test(name));
  for (const bytes of await root.readMany(updates.map(({ name }) => `${UPDATES_FOLDER}/${name}`)))
    read(bytes);
  // Beside `<package>` distroless keeps `<package>.md5sums`.
  const names = root.list(STATUS_FOLDER).filter(({ name }) => !name.endsWith('.md5sums'));
  for (const bytes of await root.readMany(names.map(({ name }) => `${STATUS_FOLDER}/${name}`))) read(bytes);
  return [...found.values()];
}

/** `name:architecture` → Auto-Installed. Undefined without apt's file: then nobody knows. */
async function readAutomatic(root: RootTree): Promise<Map<string, boolean> | undefined> {
  const bytes = await root.read(EXTENDED_STATES);
  if (bytes === undefined) return undefined;
  const automatic = new Map<string, boolean>();
  readParagraphs(bytes, new Set(['package', 'architecture', 'auto-installed']), (fields) => {
    const name = fields.get('package');
    if (name !== undefined) {
      const isAutomatic = fields.get('auto-installed') === '1';
      automatic.set(`${name}:${fields.get('architecture') ?? ''}`, isAutomatic);
      automatic.set(`${name}:all`, isAutomatic); // apt files these under the native architecture
    }
  });
  return automatic;
}

function toPackage(
  fields: Fields,
  automatic: Map<string, boolean> | undefined,
  entries: Uint32Array,
): Package {
  const name = fields.get('package')!;
  const architecture = fields.get('architecture') ?? null;
  const state = stateOf(fields);
  const size = Number(fields.get('installed-size') || Number.NaN);
  const isInstalled = state !== 'config-files';
  const requires = [...parseRelations(fields.get('pre-depends')), ...parseRelations(fields.get('depends'))];
  const provides = parseFlat(fields.get('provides'));
  return {
    manager: 'dpkg',
    name,
    version: fields.get('version') ?? '',
    architecture,
    installedSize: isInstalled && Number.isSafeInteger(size * 1024) && size >= 0 ? size * 1024 : null,
    automatic: automatic === undefined ? null : (automatic.get(`${name}:${architecture ?? ''}`) ?? false),
    state: state === 'installed' ? null : state,
    // Important is what apt called Protected before dpkg did (apt-pkg/deb/deblistparser.cc).
    essential: ['essential', 'protected', 'important'].some((field) => fields.get(field) === 'yes'),
    section: fields.get('section') ?? null,
    priority: fields.get('priority') ?? null,
    source: fields.get('source')?.split(' ')[0] ?? null,
    requires: requires.map((alternatives) => alternatives.map((one) => one.name)),
    provides: provides.map((one) => one.name),
    dependencies: {
      requires,
      recommends: parseRelations(fields.get('recommends')),
      suggests: parseRelations(fields.get('suggests')),
      supplements: [],
      provides,
      conflicts: [...parseFlat(fields.get('conflicts')), ...parseFlat(fields.get('breaks'))],
    },
    entries,
  };
}

/** A database whose lists were deleted still names packages, but nobody can say what they occupy. */
function reportMissingLists(
  paragraphs: readonly Fields[],
  lists: readonly (FileList | undefined)[],
  context: Context,
): void {
  const missing = paragraphs.filter(
    (fields, index) => stateOf(fields) === 'installed' && lists[index] === undefined,
  );
  if (missing.length > 0) {
    context.report(
      'info',
      'DPKG_LISTS_MISSING',
      `${missing.length} of ${paragraphs.length} packages have no file list; their files count as unpackaged`,
    );
  }
}
