/**
 * dpkg's database: /var/lib/dpkg/status (or status.d, one file per package, as distroless images have it), the
 * file lists in info/, diversions, and apt's record of what was installed automatically.
 *
 * Declared sizes (Installed-Size) are KiB, counted when the package was built; what a package occupies is for
 * the analyzers to sum over its entries. File lists name paths as they stand in the package, so `/lib/x` must be
 * found in `/usr/lib` on a merged system, and a diverted file under the name it was diverted to.
 *
 * Spec: dpkg(1), dpkg-query(1), deb-control(5), dpkg-divert(1); apt's extended_states as apt-mark(8) shows it.
 */
import type { Context } from '../../core/contracts/context.ts';
import type { Package, PackageDatabase, RootTree } from '../../core/contracts/package.ts';
import { comparePackages, OwnedFiles } from '../owned-files.ts';
import { readParagraphs } from './deb822.ts';
import { parseFlat, parseRelations } from './relations.ts';

const ADMIN = '/var/lib/dpkg';
const STATUS = `${ADMIN}/status`;
const STATUS_FOLDER = `${ADMIN}/status.d`;
const INFO = `${ADMIN}/info`;
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
    const paragraphs = await readStatus(root);
    const automatic = await readAutomatic(root);
    const lists = await readLists(root, paragraphs);
    const diversions = await readDiversions(root);
    const files = new OwnedFiles(root);
    const packages = paragraphs.map((fields, index) => {
      const name = fields.get('package')!;
      addList(lists[index], name, files, diversions);
      return toPackage(fields, automatic, files.take());
    });
    reportMissingLists(paragraphs, lists, context);
    return packages.sort(comparePackages);
  },
};

type Fields = Map<string, string>;

/** What was never installed or is wholly purged leaves a paragraph behind, but is no package. */
function isPresent(fields: Fields): boolean {
  if (!fields.has('package')) return false;
  const state = stateOf(fields);
  return state !== 'not-installed';
}

/** Third word of Status; status.d has no Status and means installed. */
function stateOf(fields: Fields): string {
  return fields.get('status')?.split(/\s+/)[2] ?? 'installed';
}

async function readStatus(root: RootTree): Promise<Fields[]> {
  const found: Fields[] = [];
  const keep = (fields: Fields): void => {
    if (isPresent(fields)) found.push(fields);
  };
  const status = await root.read(STATUS);
  if (status !== undefined) readParagraphs(status, FIELDS, keep);
  // Beside `<package>` distroless keeps `<package>.md5sums`.
  const names = root.list(STATUS_FOLDER).filter(({ name }) => !name.endsWith('.md5sums'));
  for (const bytes of await root.readMany(names.map(({ name }) => `${STATUS_FOLDER}/${name}`))) {
    if (bytes !== undefined) readParagraphs(bytes, FIELDS, keep);
  }
  return found;
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

/** dpkg names the list of a `Multi-Arch: same` package `name:architecture.list`. */
function listNames(fields: Fields): string[] {
  const name = fields.get('package')!;
  const qualified = `${name}:${fields.get('architecture') ?? ''}.list`;
  return fields.get('multi-arch') === 'same' ? [qualified, `${name}.list`] : [`${name}.list`, qualified];
}

/** Each package's list, or undefined where there is none (config files only, distroless). */
async function readLists(root: RootTree, paragraphs: readonly Fields[]): Promise<(Uint8Array | undefined)[]> {
  const there = new Set(root.list(INFO).map(({ name }) => name));
  const names = paragraphs.map((fields) => listNames(fields).find((name) => there.has(name)));
  const wanted = names.flatMap((name) => (name === undefined ? [] : [`${INFO}/${name}`]));
  const contents = await root.readMany(wanted);
  let next = 0;
  return names.map((name) => (name === undefined ? undefined : contents[next++]));
}

interface Diversion {
  readonly to: string;
  /** The package whose own file keeps the name; `:` stands for the local administrator. */
  readonly by: string;
}

/** /var/lib/dpkg/diversions: three lines each, the path, where it goes, and who diverts it. */
async function readDiversions(root: RootTree): Promise<Map<string, Diversion>> {
  const diversions = new Map<string, Diversion>();
  const bytes = await root.read(`${ADMIN}/diversions`);
  if (bytes === undefined) return diversions;
  const lines = new TextDecoder().decode(bytes).split('\n');
  for (let i = 0; i + 2 < lines.length; i += 3)
    diversions.set(lines[i]!, { to: lines[i + 1]!, by: lines[i + 2]! });
  return diversions;
}

const LF = 10;
const SLASH = 47;
const decoder = new TextDecoder();

/** Adds every path of a list; lists come in directory order, so the folder of the last line is usually right. */
function addList(
  list: Uint8Array | undefined,
  name: string,
  files: OwnedFiles,
  diversions: ReadonlyMap<string, Diversion>,
): void {
  if (list === undefined) return;
  for (let at = 0; at < list.length; ) {
    let end = list.indexOf(LF, at);
    if (end < 0) end = list.length;
    if (list[at] === SLASH) {
      const path = decoder.decode(list.subarray(at, end));
      const diversion = diversions.size === 0 ? undefined : diversions.get(path);
      files.addPath(
        diversion !== undefined && diversion.by !== name ? diversion.to : path === '/.' ? '/' : path,
      );
    }
    at = end + 1;
  }
}

function toPackage(
  fields: Fields,
  automatic: Map<string, boolean> | undefined,
  entries: Uint32Array,
): Package {
  const name = fields.get('package')!;
  const architecture = fields.get('architecture') ?? null;
  const state = stateOf(fields);
  const size = Number(fields.get('installed-size'));
  const requires = [...parseRelations(fields.get('pre-depends')), ...parseRelations(fields.get('depends'))];
  const provides = parseFlat(fields.get('provides'));
  return {
    manager: 'dpkg',
    name,
    version: fields.get('version') ?? '',
    architecture,
    installedSize:
      fields.has('installed-size') && Number.isSafeInteger(size * 1024) && size >= 0 ? size * 1024 : null,
    automatic: automatic === undefined ? null : (automatic.get(`${name}:${architecture ?? ''}`) ?? false),
    state: state === 'installed' ? null : state,
    essential: fields.get('essential') === 'yes' || fields.get('protected') === 'yes',
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
  lists: readonly (Uint8Array | undefined)[],
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
